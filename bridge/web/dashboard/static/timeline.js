// @ts-check
/** A task's timeline: from its first sight to each delivery and attempt. */

import { endpointPath } from "./addresses.js";
import { el, foreign, plain } from "./dom.js";
import { duration, fullTime, has, number, t, time } from "./text.js";

/** @typedef {import("../types").TaskEvent} TaskEvent */
/** @typedef {import("../types").EventDelivery} EventDelivery */
/** @typedef {(event: string, endpoint: string) => void} Again */

const TONES = /** @type {{[type: string]: string}} */ ({
  "task.succeeded": "good", "task.failed": "bad", "task.lost": "bad", "task.action_required": "warn", "task.started": "busy", "task.progress": "busy",
});

/**
 * @param {import("../types").TaskDetail} task
 * @param {Again} again
 */
export function timeline(task, again) {
  const events = task.events.toReversed();
  return el("section", { class: "panel" }, el("h2", {}, t("timeline")), el("ol", { class: "timeline" },
    el("li", {}, el("p", { class: "when" }, el("strong", {}, t("fact.tracked")), moment(task.trackedAt))),
    ...events.map((event) => entry(event, again)),
  ));
}

/** @param {TaskEvent} event @param {Again} again */
function entry(event, again) {
  const { progress, status } = event.data;
  const percent = event.type === "task.progress" && typeof progress === "number" ? ` ${number(progress)}\u202f%` : "";
  return el("li", { "data-tone": TONES[event.type] ?? "calm", "data-event": event.eventId },
    el("p", { class: "when" },
      el("strong", { title: event.type }, `${typeName(event.type)}${percent}`),
      event.type === "task.corrected" && el("span", { class: "soft" }, t(`status.${status}`)),
      moment(event.timestamp),
    ),
    ...event.deliveries.map((delivery) => deliveryBox(event.eventId, delivery, again)),
  );
}

/** @param {string} type */
export function typeName(type) {
  return has(`type.${type}`) ? t(`type.${type}`) : type;
}

/** @param {string} state */
export function deliveryTone(state) {
  return state === "delivered" ? "good" : state === "dead" ? "bad" : state === "held" ? "warn" : "calm";
}

/**
 * Say why a delivery waits, or was given up; times as they are here.
 *
 * @param {{reason: string | null, wait: import("../types").Wait | null}} delivery
 */
export function why({ reason, wait }) {
  const cause = wait?.cause === "due" && wait.at ? "overdue" : wait?.cause;
  if (wait && has(`wait.${cause}`)) {
    return t(`wait.${cause}`, { at: wait.at ? time(wait.at) : "", number: wait.number ?? "" });
  }
  return plain(reason, 500).replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, time);
}

/** @param {string} event @param {EventDelivery} delivery @param {Again} again */
function deliveryBox(event, delivery, again) {
  const { attempts, endpoint, state } = delivery;
  const open = state === "pending" || state === "held";
  const [only] = attempts;
  const plainly = state === "delivered" && attempts.length === 1;
  return el("div", { class: "delivery", "data-endpoint": endpoint, "data-state": state },
    el("p", {},
      el("a", { href: endpointPath(endpoint) }, foreign(endpoint)),
      el("span", { class: deliveryTone(state) }, t(`delivery.${state}`)),
      plainly && only && el("span", { class: "soft" }, outcome(only)),
      state === "dead" && el("button", { type: "button", class: "quiet small", onclick: () => again(event, endpoint) }, t("redeliver")),
    ),
    (open || state === "dead") && el("p", { class: "soft", dir: "auto" }, why(delivery)),
    open && delivery.nextAt && delivery.wait?.cause !== "scheduled"
      && el("p", { class: "soft" }, t("delivery.next", { time: time(delivery.nextAt) })),
    !plainly && attempts.length > 0 && el("ol", { class: "attempts" }, ...attempts.map(attemptLine)),
  );
}

/** @param {import("../types").Attempt} attempt */
function attemptLine(attempt) {
  return el("li", {}, moment(attempt.at), el("span", {}, outcome(attempt)),
    attempt.detail && el("code", { dir: "auto", tabindex: 0 }, plain(attempt.detail, 1000)));
}

/** @param {import("../types").Attempt} attempt */
function outcome(attempt) {
  const word = has(`outcome.${attempt.outcome}`) ? t(`outcome.${attempt.outcome}`) : attempt.outcome;
  return `${attempt.status === null ? word : String(attempt.status)} · ${duration(attempt.tookMs / 1000)}`;
}

/** @param {string} at */
export function moment(at) {
  return el("time", { datetime: at, title: fullTime(at) }, time(at));
}

