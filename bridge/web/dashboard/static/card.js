// @ts-check
/** One task on the wall. Made once; a change touches texts, the progress and the picture only. */

import { taskPath } from "./addresses.js";
import { el, setText } from "./dom.js";
import { Picture } from "./picture.js";
import { actionName, age, fullTime, number, statusName, t } from "./text.js";

/** @typedef {import("./tasks.js").Row} Row */

/** How a status is coloured. @param {string | null} status */
export function toneOf(status) {
  if (status === "SUCCESS") return "good";
  if (status === "FAILURE" || status === "LOST") return "bad";
  if (status === "MODAL") return "warn";
  if (status === "IN_PROGRESS") return "busy";
  return "calm";
}

export class Card {
  /** @param {Row} row */
  constructor(row) {
    this.key = row.key;
    this.picture = new Picture({ small: true, alt: "" });
    this.percent = el("strong", { class: "tile-percent" });
    this.reason = el("span", { class: "tile-reason", dir: "auto" });
    this.progress = el("progress", { max: 100, "aria-label": t("progress") });
    this.status = el("span", { class: "status-text" });
    this.dot = el("span", { class: "status" }, el("i", { "aria-hidden": "true" }), this.status);
    this.age = el("time");
    this.prompt = el("bdi", { class: "card-prompt" });
    this.picture.root.append(this.progress);
    this.picture.say(this.percent, this.reason);
    this.link = el("a", { href: taskPath(row), class: "card-link" },
      this.picture.root,
      el("span", { class: "card-line" }, this.dot, this.age),
      this.prompt,
    );
    this.root = el("li", { class: "card", "data-key": row.key }, this.link);
    this.update(row);
  }

  /** @param {Row} row */
  update(row) {
    const running = row.status === "IN_PROGRESS" || (row.status === null && row.active);
    const value = row.progress ?? 0;
    this.root.dataset.tone = toneOf(row.status);
    this.root.dataset.status = row.status ?? "";
    this.picture.show(row.picture, running ? value : null);
    this.progress.hidden = !running;
    if (this.progress.value !== value) this.progress.value = value;
    setText(this.status, running && row.progress !== null
      ? t("status.percent", { status: statusName(row.status), percent: number(value) }) : statusName(row.status));
    setText(this.percent, running && row.progress !== null ? `${number(value)}\u202f%` : "");
    setText(this.reason, row.failReason ?? (running && row.progress !== null ? "" : actionName(row.action)));
    setText(this.prompt, row.prompt || t("card.untitled", { action: actionName(row.action), id: row.id }));
    this.at = row.trackedAt;
    this.age.dateTime = row.trackedAt;
    this.age.title = fullTime(row.trackedAt);
    this.tick();
  }

  /** Say again how old the task is. */
  tick() {
    setText(this.age, age(this.at ?? ""));
  }
}
