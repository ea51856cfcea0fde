// @ts-check
/** The gateways that are polled: whether they answer, how late that is, what they complain about. */

import { get } from "./api.js";
import { el, foreign, plain } from "./dom.js";
import { LivePage } from "./page.js";
import { commandFor, emptyState } from "./states.js";
import { age, duration, elapsed, number, t } from "./text.js";

/** @typedef {import("../types").Upstream} Upstream */

const TONES = { up: "good", failing: "warn", unhealthy: "bad" };

/** @extends {LivePage<{items: Upstream[]}>} */
class UpstreamsPage extends LivePage {
  /** @param {AbortSignal} signal */
  read(signal) {
    return get("/upstreams", {}, signal);
  }

  /** @param {import("./stream.js").Happening} event */
  concerns({ type }) {
    return type.startsWith("upstream.");
  }

  /** @param {{items: Upstream[]}} list */
  draw({ items }) {
    this.redraw("title", null, () => el("h1", {}, t("nav.upstreams")));
    this.redraw("list", [items, Math.floor(Date.now() / 10_000)], () => items.length
      ? el("ul", { class: "rows", role: "list" }, ...items.map((one) => el("li", {}, row(one))))
      : emptyState(t("upstreams.none"), t("upstreams.none.hint"), commandFor("mjbridge check")));
  }
}

/** @param {Upstream} one */
function row(one) {
  /** @type {[string, string][]} */
  const all = [
    ["upstream.active", number(one.active)],
    ["upstream.tracked", number(one.tracked)],
    ["upstream.requests", number(Math.round(one.requestsPerMinute * 10) / 10)],
  ];
  return el("div", { class: "row panel", "data-name": one.name },
    el("div", {}, el("h2", {}, foreign(one.name)), el("p", { class: "soft" }, plain(one.host, 120))),
    el("div", {}, sentence(one), el("dl", { class: "figures" }, ...all.map(([key, value]) =>
      el("div", {}, el("dt", {}, t(key)), el("dd", {}, value))))),
    el("p", { class: "soft" }, t("upstream.lag", { lag: duration(one.lagSeconds) })));
}

/** @param {Upstream} one */
function sentence(one) {
  const parts = [
    one.state !== "up" && one.since && t("endpoint.since", { time: elapsed(one.since) }),
    one.state !== "up" && one.reason && plain(one.reason, 500),
    one.lastAnswerAt ? t("upstream.last", { age: age(one.lastAnswerAt) }) : t("upstream.never"),
  ].filter(Boolean);
  return el("p", {},
    el("span", { class: "status", "data-tone": TONES[one.state] }, el("i", { "aria-hidden": "true" }), t(`upstream.${one.state}`)),
    el("span", { class: "soft", dir: "auto" }, ` · ${parts.join(" · ")}`));
}

customElements.define("mj-upstreams", UpstreamsPage);
