// @ts-check
/** All endpoints: how each is doing, in words and as a line. */

import { endpointPath } from "./addresses.js";
import { get } from "./api.js";
import { el, foreign, plain } from "./dom.js";
import { LivePage } from "./page.js";
import { sparkline } from "./sparkline.js";
import { emptyState } from "./states.js";
import { age, duration, elapsed, number, t, time } from "./text.js";

/** @typedef {import("../types").Endpoint} Endpoint */

const TONES = { up: "good", failing: "warn", open: "bad", paused: "warn", disabled: "bad" };

/** @extends {LivePage<{items: Endpoint[]}>} */
class EndpointsPage extends LivePage {
  /** @param {AbortSignal} signal */
  read(signal) {
    return get("/endpoints", {}, signal);
  }

  /** @param {import("./stream.js").Happening} event */
  concerns({ type }) {
    return type === "delivery" || type.startsWith("endpoint.");
  }

  /** @param {{items: Endpoint[]}} list */
  draw({ items }) {
    this.redraw("title", null, () => el("h1", {}, t("nav.endpoints")));
    this.redraw("list", [items, Math.floor(Date.now() / 60_000)], () => items.length
      ? el("ul", { class: "rows", role: "list" }, ...items.map((one) => el("li", {}, row(one))))
      : emptyState(t("endpoints.none"), t("endpoints.none.hint")));
  }
}

/** @param {Endpoint} one */
function row(one) {
  return el("a", { class: "row panel", href: endpointPath(one.name), "data-name": one.name },
    el("div", {}, el("h2", {}, foreign(one.name)), el("p", { class: "soft" }, place(one))),
    el("div", {}, health(one), figures(one)),
    sparkline(one.history));
}

/** What it is and where. @param {Endpoint} one */
export function place(one) {
  if (one.name.startsWith("hook:")) return t("endpoint.hook");
  if (!one.configured) return t("endpoint.gone");
  return plain([one.kind, one.host].filter(Boolean).join(" · "), 120);
}

/** How an endpoint is doing, in a sentence. @param {Endpoint} one */
export function health(one) {
  const parts = [
    one.state !== "up" && one.since && t("endpoint.since", { time: elapsed(one.since) }),
    one.reason && plain(one.reason, 300),
    one.clicksReason && plain(one.clicksReason, 300),
    one.state !== "up" && one.retryAt && t("endpoint.retry", { time: time(one.retryAt) }),
    one.state === "up" && (one.lastSuccessAt ? t("endpoint.last", { age: age(one.lastSuccessAt) }) : t("endpoint.never")),
  ].filter(Boolean);
  return el("p", {},
    el("span", { class: "status", "data-tone": TONES[one.state] }, el("i", { "aria-hidden": "true" }), t(`endpoint.${one.state}`)),
    el("span", { class: "soft", dir: "auto" }, parts.length ? ` · ${parts.join(" · ")}` : ""));
}

/** @param {Endpoint} one */
export function figures(one) {
  /** @type {[string, string | null, string?][]} */
  const all = [
    ["endpoint.waiting", number(one.pending)],
    ["endpoint.dead", number(one.dead), one.dead ? "bad" : ""],
    ["endpoint.delivered", number(one.delivered)],
    ["endpoint.p50", one.latencyMs ? duration(one.latencyMs.p50 / 1000) : null],
    ["endpoint.p95", one.latencyMs ? duration(one.latencyMs.p95 / 1000) : null],
  ];
  return el("dl", { class: "figures" }, ...all.filter(([, value]) => value !== null).map(([key, value, tone]) =>
    el("div", {}, el("dt", {}, t(key)), el("dd", { class: tone }, value))));
}

customElements.define("mj-endpoints", EndpointsPage);
