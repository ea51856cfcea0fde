// @ts-check
/** Deliveries, by endpoint and state; the filter is in the address. */

import { endpointPath, taskPath, withQuery } from "./addresses.js";
import { get, post } from "./api.js";
import { el, fill, foreign, plain } from "./dom.js";
import { LivePage } from "./page.js";
import { emptyState, messageOf } from "./states.js";
import { t } from "./text.js";
import { deliveryTone, moment, typeName, why } from "./timeline.js";

/** @typedef {import("../types").Delivery} Delivery */
/** @typedef {import("../types").Page<Delivery>} DeliveryList */

const STATES = ["", "pending", "held", "delivered", "superseded", "dead"];
const STEP = 50;
const MOST = 500;

/** @extends {LivePage<{list: DeliveryList, endpoints: {items: {name: string}[]}}>} */
class DeliveriesPage extends LivePage {
  limit = STEP;

  /** @param {AbortSignal} signal */
  async read(signal) {
    const [list, endpoints] = await Promise.all([
      get("/deliveries", { ...filterOf(), limit: this.limit }, signal),
      get("/endpoints", {}, signal),
    ]);
    return { list, endpoints };
  }

  /** @param {{list: DeliveryList, endpoints: {items: {name: string}[]}}} contents */
  draw({ list, endpoints }) {
    const filter = filterOf();
    this.redraw("title", null, () => el("h1", {}, t("nav.deliveries")));
    this.redraw("filter", [filter, endpoints.items.map(({ name }) => name)], ([, names]) => this.#filter(/** @type {string[]} */ (names)));
    this.redraw("list", list, () => list.items.length
      ? el("div", { class: "rows" }, deliveryTable(list.items, { again: (one) => sendAgain(one) }), this.#more(list))
      : emptyState(t("deliveries.none"), t(filter.endpoint || filter.state ? "deliveries.none.filter" : "deliveries.none.hint")));
  }

  navigated() {
    this.limit = STEP;
    super.navigated();
  }

  /** @param {string[]} names */
  #filter(names) {
    const { endpoint, state } = filterOf();
    const select = el("select", { "aria-label": t("endpoint"), onchange: () => {
      history.replaceState(null, "", addressOf({ endpoint: select.value, state }));
      this.navigated();
    } }, el("option", { value: "" }, t("deliveries.endpoints")),
    ...[...new Set([...names, endpoint].filter(Boolean))].map((name) => el("option", { value: name, selected: name === endpoint }, plain(name))));
    return el("div", { class: "toolbar" }, select, el("nav", { class: "chips", "aria-label": t("deliveries.filter") },
      ...STATES.map((one) => el("a", { class: "chip", href: addressOf({ endpoint, state: one }), "aria-current": one === state ? "true" : null },
        t(one ? `delivery.${one}` : "wall.all")))));
  }

  /** @param {DeliveryList} list */
  #more(list) {
    if (list.next === null) return null;
    if (this.limit >= MOST) return el("p", { class: "soft" }, t("deliveries.most", { count: MOST }));
    return el("p", {}, el("button", { type: "button", onclick: () => {
      this.limit = Math.min(this.limit * 2, MOST);
      void this.refresh();
    } }, t("more")));
  }
}

function filterOf() {
  const query = new URLSearchParams(location.search);
  return { endpoint: query.get("endpoint") ?? "", state: query.get("state") ?? "" };
}

/** @param {{endpoint: string, state: string}} filter */
function addressOf(filter) {
  return withQuery("/deliveries", filter);
}

/** Queue one delivery again, and say in words what came of it. @param {Delivery} one */
export async function sendAgain(one) {
  const { queued, skipped } = await post(`/events/${encodeURIComponent(one.eventId)}/redeliver`, { endpoint: one.endpoint });
  return queued.length ? t("redeliver.queued.one") : plain(skipped[0]?.reason) || t("redeliver.nothing");
}

/**
 * @param {Delivery[]} items
 * @param {{again: (one: Delivery) => Promise<string>, withEndpoint?: boolean}} options
 */
export function deliveryTable(items, { again, withEndpoint = true }) {
  const columns = ["deliveries.event", "task", ...(withEndpoint ? ["endpoint"] : []), "deliveries.state", "deliveries.at"];
  return el("div", { class: "table panel stack", tabindex: 0, role: "region", "aria-label": t("nav.deliveries") }, el("table", {},
    el("thead", {}, el("tr", {}, ...columns.map((key) => el("th", { scope: "col" }, t(key))))),
    el("tbody", {}, ...items.map((one) => el("tr", { "data-event": one.eventId, "data-state": one.state },
      el("td", { class: "fit", title: one.eventId }, typeName(one.type)),
      el("td", {}, one.task && one.upstream
        ? el("a", { href: taskPath({ upstream: one.upstream, id: one.task }) }, foreign(one.task)) : "–"),
      withEndpoint && el("td", {}, el("a", { href: endpointPath(one.endpoint) }, foreign(one.endpoint))),
      el("td", {}, el("span", { class: deliveryTone(one.state) }, t(`delivery.${one.state}`)),
        one.reason && el("span", { class: "soft", dir: "auto" }, ` · ${why(one)}`),
        one.state === "dead" && againButton(one, again)),
      el("td", { class: "fit" }, moment(one.timestamp)),
    )))));
}

/** @param {Delivery} one @param {(one: Delivery) => Promise<string>} again */
function againButton(one, again) {
  const said = el("span", { class: "soft", role: "status" });
  const button = el("button", { type: "button", class: "quiet small", onclick: async () => {
    button.disabled = true;
    try {
      fill(said, await again(one));
    } catch (error) {
      button.disabled = false;
      fill(said, messageOf(error));
    }
  } }, t("redeliver"));
  return el("span", {}, " ", button, " ", said);
}

customElements.define("mj-deliveries", DeliveriesPage);
