// @ts-check
/** One endpoint: what waits there and why, what was given up and why, and what can be done. */

import { endpointPath, withQuery } from "./addresses.js";
import { get, post } from "./api.js";
import { deliveryTable, sendAgain } from "./deliveries.js";
import { el, fill, foreign, plain } from "./dom.js";
import { figures, health, place } from "./endpoints.js";
import { LivePage } from "./page.js";
import { redeliverDialog } from "./redeliver.js";
import { sparkline } from "./sparkline.js";
import { messageOf } from "./states.js";
import { age, duration, number, t } from "./text.js";

/** @typedef {import("../types").Endpoint} Endpoint */
/** @typedef {import("../types").Page<import("../types").Delivery>} DeliveryList */
/** @typedef {{endpoint: Endpoint, waiting: DeliveryList, dead: DeliveryList}} Contents */

const SHOWN = 20;

/** @extends {LivePage<Contents>} */
class EndpointPage extends LivePage {
  #result = el("p", { role: "status", class: "soft result" });

  connectedCallback() {
    this.name = decodeURIComponent(location.pathname.split("/")[2] ?? "");
    document.title = `${plain(this.name)} · mjbridge`;
    super.connectedCallback();
  }

  get path() {
    return endpointPath(this.name ?? "");
  }

  /** @param {AbortSignal} signal @returns {Promise<Contents>} */
  async read(signal) {
    const list = (/** @type {string} */ state) => get("/deliveries", { endpoint: this.name, state, limit: SHOWN }, signal);
    const [endpoint, pending, held, dead] = await Promise.all([get(this.path, {}, signal), list("pending"), list("held"), list("dead")]);
    const waiting = { items: [...held.items, ...pending.items].slice(0, SHOWN), next: held.next ?? pending.next };
    return { endpoint, waiting, dead };
  }

  /** @param {import("./stream.js").Happening} event */
  concerns({ type, data }) {
    if (type === "delivery") return data.endpoint === this.name;
    return type.startsWith("task.") || data?.data?.endpoint === this.name;
  }

  /** @param {Contents} contents */
  draw({ endpoint, waiting, dead }) {
    const minute = Math.floor(Date.now() / 60_000);
    this.redraw("title", [endpoint.state, endpoint.name], () => this.#title(endpoint));
    this.redraw("health", [endpoint, minute], () => el("section", { class: "panel rows" },
      health(endpoint), figures(endpoint), sparkline(endpoint.history), facts(endpoint)));
    this.redraw("waiting", [waiting, endpoint.pending, minute], () => this.#list("waiting", waiting, endpoint.pending, endpoint.oldestPendingAt
      ? t("endpoint.oldest", { age: age(endpoint.oldestPendingAt) }) : ""));
    this.redraw("dead", [dead, endpoint.dead], () => this.#list("dead", dead, endpoint.dead, ""));
  }

  /** @param {Endpoint} endpoint */
  #title(endpoint) {
    const held = endpoint.state === "paused" || endpoint.state === "disabled";
    const button = (/** @type {string} */ key, /** @type {() => Promise<string>} */ act) =>
      el("button", { type: "button", onclick: () => void this.#do(act) }, t(key));
    return el("div", { class: "rows" }, el("div", { class: "title" },
      el("h1", {}, foreign(endpoint.name)), el("span", { class: "soft" }, place(endpoint)),
      el("div", { class: "actions" },
        button("endpoint.test", () => this.#test()),
        held ? button("endpoint.resume", () => this.#switch("resume")) : button("endpoint.pause", () => this.#switch("pause")),
        el("button", { type: "button", onclick: () => this.redeliver() }, t("endpoint.redeliver"), el("kbd", { "aria-hidden": "true" }, "r")),
      )), this.#result);
  }

  /** Ask what to send again. */
  redeliver() {
    redeliverDialog(this.name ?? "", this.path);
  }

  /** @param {() => Promise<string>} act */
  async #do(act) {
    fill(this.#result, t("loading"));
    try {
      fill(this.#result, await act());
    } catch (error) {
      fill(this.#result, messageOf(error));
    }
    this.soon();
  }

  async #test() {
    const { outcome, status, tookMs, detail } = await post(`${this.path}/test`);
    const values = { status: status === null ? outcome : String(status), took: duration(tookMs / 1000), detail: plain(detail, 300) };
    return t(outcome === "delivered" ? "endpoint.test.good" : "endpoint.test.bad", values);
  }

  /** @param {"pause" | "resume"} what */
  async #switch(what) {
    await post(`${this.path}/${what}`);
    return t(`endpoint.${what}.done`);
  }

  /**
   * @param {"waiting" | "dead"} which
   * @param {DeliveryList} list
   * @param {number} count
   * @param {string} hint
   */
  #list(which, list, count, hint) {
    const state = which === "dead" ? "dead" : "pending";
    const all = withQuery("/deliveries", { endpoint: this.name, state });
    return el("section", { class: "rows", "aria-label": t(`endpoint.list.${which}`) },
      el("div", { class: "title" }, el("h2", {}, t(`endpoint.list.${which}`)), el("span", { class: "soft number" }, [number(count), hint].filter(Boolean).join(" · "))),
      list.items.length ? deliveryTable(list.items, { again: sendAgain, withEndpoint: false }) : el("p", { class: "soft" }, t(`endpoint.list.${which}.none`)),
      list.next !== null && el("p", {}, el("a", { href: all }, t("all"))));
  }
}

/** @param {Endpoint} endpoint */
function facts(endpoint) {
  return el("dl", { class: "facts" },
    el("dt", {}, t("endpoint.events")), el("dd", {}, el("code", {}, plain(endpoint.events.join("  ")) || "–")),
    el("dt", {}, t("endpoint.rate")), el("dd", {}, endpoint.rateLimit ?? t("endpoint.rate.none")));
}

customElements.define("mj-endpoint", EndpointPage);
