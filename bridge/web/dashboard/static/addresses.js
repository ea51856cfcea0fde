// @ts-check
/** Addresses: of our own pages, and queries. */

/** @param {{upstream: string, id: string}} task */
export const taskPath = ({ upstream, id }) => `/tasks/${encodeURIComponent(upstream)}/${encodeURIComponent(id)}`;

/** The page of an endpoint; under /api/v1, the endpoint itself. @param {string} name */
export const endpointPath = (name) => `/endpoints/${encodeURIComponent(name)}`;

/**
 * A path with a query; parameters without a value are left out.
 *
 * @param {string} path
 * @param {{[name: string]: string | number | boolean | null | undefined}} query
 */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `${path}?${search}` : path;
}
