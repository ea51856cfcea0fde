// @ts-check
/** The API under /api/v1, as the dashboard uses it. */

import { withQuery } from "./addresses.js";
import { t } from "./text.js";

/** Sent with every request: a page of another site cannot, so it cannot ask for a change. */
export const OURS = { "x-requested-with": "mjbridge-dashboard" };
const DEADLINE = 20_000;

/** An answer that is not the one asked for, or none. `status` 0: the bridge was not reached. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Where the feed stood before the first list was read; the stream goes on from there. */
export const feed = { position: /** @type {string | null} */ (null) };

/**
 * Read something.
 *
 * @param {string} path Under /api/v1.
 * @param {{[name: string]: string | number | boolean | null | undefined}} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}, signal) {
  return request("GET", withQuery(path, query), undefined, signal);
}

/**
 * Ask for a change. A repeated request (a double click, a lost answer) has one effect.
 *
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function post(path, body = {}) {
  return request("POST", path, body);
}

/**
 * Press a button, or submit. The bridge itself makes one action of what is asked for twice.
 *
 * @param {string} path
 * @param {object} body
 * @param {boolean} again Whether it is meant to be another one, though it was asked for.
 * @returns {Promise<any>}
 */
export async function press(path, body, again) {
  return request("POST", path, body, undefined, again);
}

/** @param {string} path @returns {Promise<any>} */
export async function remove(path) {
  return request("DELETE", path);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {AbortSignal} [signal]
 * @param {boolean} [named] Whether a POST has a name of its own, under which it takes effect once.
 */
async function request(method, path, body, signal, named = true) {
  /** @type {{[name: string]: string}} */
  const headers = { accept: "application/json", ...OURS };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method === "POST" && named) headers["idempotency-key"] = key();
  const deadline = AbortSignal.timeout(DEADLINE);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, t("problem.unreachable"));
  }
  feed.position ??= response.headers.get("x-feed-position");
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  if (response.status === 401) window.dispatchEvent(new Event("signed-out"));
  const fields = (answer?.errors ?? []).map((/** @type {{detail: string}} */ one) => one.detail);
  const detail = [answer?.detail ?? answer?.title ?? t("problem.status", { status: String(response.status) }), ...fields];
  throw new Problem(response.status, detail.join(" "));
}

/** @returns {string} `crypto.randomUUID` is not there on a page over plain http. */
function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}
