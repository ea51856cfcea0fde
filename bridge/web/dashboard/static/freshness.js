// @ts-check
/** How fresh a task's news was: finished 10:01:07.2 → seen +1.1 s → delivered +0.3 s. */

import { el } from "./dom.js";
import { duration, exactTime, fullTime, t } from "./text.js";

const ENDS = new Set(["task.succeeded", "task.failed", "task.cancelled", "task.lost"]);

/**
 * When the first endpoint had an event, as a time in milliseconds; `null` if none has it.
 *
 * @param {import("../types").TaskEvent} event
 */
function deliveredAt(event) {
  const arrivals = event.deliveries
    .flatMap((delivery) => delivery.attempts)
    .filter((attempt) => attempt.outcome === "delivered")
    .map((attempt) => Date.parse(attempt.at) + attempt.tookMs);
  return arrivals.length ? Math.min(...arrivals) : null;
}

/**
 * The line, or `null` for a task that has not ended. The gateway's clock and ours may differ: a
 * step that would be negative is none.
 *
 * @param {import("../types").TaskDetail} task
 */
export function freshness(task) {
  const end = task.events.findLast((event) => ENDS.has(event.type));
  if (!end) return null;
  const seen = Date.parse(end.timestamp);
  const delivered = deliveredAt(end);
  const after = (/** @type {number} */ ms) => `+${duration(Math.max(0, ms) / 1000)}`;
  const began = task.finishTime ?? end.timestamp;
  const steps = [
    [t(task.finishTime ? "fresh.finished" : "fresh.seen"), exactTime(began), fullTime(began)],
    task.finishTime && [t("fresh.seen"), after(seen - Date.parse(task.finishTime)), fullTime(end.timestamp)],
    delivered !== null && [t("fresh.delivered"), after(delivered - seen), fullTime(new Date(delivered).toISOString())],
  ].filter(Array.isArray);
  return el("p", { class: "freshness panel" }, ...steps.flatMap(([name, value, title], index) => [
    index ? el("span", { class: "soft", "aria-hidden": "true" }, " → ") : null,
    el("span", { title }, `${name} `, el("b", {}, value)),
  ]));
}
