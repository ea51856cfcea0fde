// @ts-check
/** A task's buttons, what was pressed, and the tasks around it: its parent and its children. */

import { taskPath, withQuery } from "./addresses.js";
import { get, press, remove } from "./api.js";
import { askFor } from "./dialogs.js";
import { el, fill, foreign, plain } from "./dom.js";
import { copyButton, messageOf } from "./states.js";
import { t, time } from "./text.js";

/** @typedef {import("../types").Action} Action */
/** @typedef {import("../types").Button} Button */
/** @typedef {import("../types").TaskWithActions} Task */

/** Presses of a task's buttons, the newest first. @param {{id: string, upstream: string}} task @param {AbortSignal} signal */
export async function readPresses({ id, upstream }, signal) {
  return (await get("/actions", { task: id, upstream, limit: 100 }, signal)).items;
}

/**
 * @param {Task} task
 * @param {() => void} changed Called when a press has changed something.
 */
export function pressPanel(task, changed) {
  if (task.buttons.length === 0) return null;
  const result = el("p", { role: "status", class: "soft result" });
  const say = (/** @type {string} */ text) => fill(result, text);
  const newest = new Map([...task.actions].reverse().map((one) => [one.customId, one]));

  /** @param {Button} button */
  async function push(button) {
    const known = newest.get(button.customId);
    const again = known?.state === "unknown" && known.endedAt !== null;
    const prompt = button.needsModal ? await askFor({ title: labelOf(button), label: t("prompt"), yes: t("press") }) : undefined;
    if (prompt === null) return;
    try {
      const action = await press(withQuery(`/tasks/${encodeURIComponent(task.id)}/actions`, { upstream: task.upstream }),
        { customId: button.customId, ...(prompt ? { prompt } : {}) }, again);
      say(sentence(action));
    } catch (error) {
      say(messageOf(error));
    }
    changed();
  }

  return el("section", { class: "panel" }, el("h2", {}, t("buttons")),
    el("p", { class: "buttons" }, ...task.buttons.map((one) => {
      const action = newest.get(one.customId);
      return el("button", { type: "button", title: plain(one.customId, 300), "data-state": action?.state ?? null,
        disabled: action?.state === "pending" || action?.state === "sending", onclick: () => void push(one) }, labelOf(one));
    })), result, pressed(task, changed),
    el("details", {}, el("summary", { class: "soft" }, t("buttons.hint")),
      el("p", { class: "buttons ids" }, ...task.buttons.map((one) => copyButton(one.customId, labelOf(one))))));
}

/** @param {Task} task @param {() => void} changed */
function pressed(task, changed) {
  if (task.actions.length === 0) return null;
  return el("ul", { class: "presses" }, ...task.actions.map((one) => el("li", {},
    el("strong", {}, plain(one.label ?? one.customId, 40)), " ", el("span", { "data-state": one.state }, t(`press.${one.state}`)),
    ...(one.childId ? [" ", el("a", { href: taskPath({ upstream: one.upstream, id: one.childId }) }, foreign(one.childId))] : []),
    ...(one.reason ? [" · ", el("span", { class: "soft", dir: "auto" }, plain(one.reason, 300))] : []),
    el("span", { class: "soft" }, ` · ${plain(one.by, 60)} · `, el("time", { datetime: one.createdAt }, time(one.createdAt))),
    ...(one.state === "pending" ? [" ", el("button", { type: "button", class: "quiet", onclick: () => void undo(one, changed) }, t("press.undo"))] : []),
  )));
}

/** @param {Action} action @param {() => void} changed */
async function undo(action, changed) {
  await remove(`/actions/${encodeURIComponent(action.id)}`).catch(() => null); // the list says how it stands
  changed();
}

/** Where a task comes from. @param {Pick<Task, "upstream" | "parentId" | "rootId" | "by">} task */
export function lineage({ upstream, parentId, rootId, by }) {
  if (!by) return null;
  /** @param {string} name @param {string | null} id */
  const link = (name, id) => id ? [el("a", { href: taskPath({ upstream, id }) }, t(name)), " · "] : [];
  return el("p", { class: "soft lineage" }, ...link("lineage.parent", parentId),
    ...link("lineage.root", rootId === parentId ? null : rootId), t("lineage.by", { by: plain(by, 60) }));
}

/** Say how an action stands. @param {Action} action */
export function sentence(action) {
  const what = `${plain(action.label ?? action.customId, 40)}: ${t(`press.${action.state}`)}`;
  return action.reason ? `${what} · ${plain(action.reason, 300)}` : what;
}

/**
 * Name a button; the name of a custom emoji (`upscale_1`) shows nothing.
 *
 * @param {Button} button
 */
function labelOf({ emoji, label, kind }) {
  const drawn = emoji && !/^[\w:~-]+$/.test(emoji) ? emoji : null;
  return plain([drawn, label].filter(Boolean).join(" ") || kind, 40);
}
