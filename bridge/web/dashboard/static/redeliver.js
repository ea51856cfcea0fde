// @ts-check
/** Sending many events again: how many that is, a confirmation, and how far it has come. */

import { get, post } from "./api.js";
import { ask } from "./dialogs.js";
import { el, fill, plain } from "./dom.js";
import { messageOf } from "./states.js";
import { number, t } from "./text.js";

/** Hours back, by the name of the choice. */
const SINCE = { hour: 1, day: 24, week: 168, all: 24 * 365 * 20 };
/** Seconds for which progress is shown; the work goes on without anyone looking. */
const WATCHED = 120;

/** @param {string} name @param {string} path The endpoint's, under /api/v1. */
export function redeliverDialog(name, path) {
  const since = el("select", { "aria-label": t("redeliver.since"), onchange: count }, ...Object.keys(SINCE).map((key) =>
    el("option", { value: key, selected: key === "all" }, t(`since.${key}`))));
  const dead = el("input", { type: "checkbox", checked: true, onchange: count });
  const said = el("p", { role: "status" });
  const what = () => ({
    since: new Date(Date.now() - SINCE[/** @type {keyof typeof SINCE} */ (since.value)] * 3_600_000).toISOString(),
    dead: dead.checked,
  });

  async function count() {
    fill(said, t("redeliver.counting"));
    try {
      const answer = await post(`${path}/redeliver`, { ...what(), dryRun: true });
      fill(said, t("redeliver.count", { count: answer.count, name: plain(name) }));
    } catch (error) {
      fill(said, messageOf(error));
    }
  }

  ask({
    title: t("redeliver.title", { name: plain(name) }),
    text: el("span", { class: "rows" }, since, el("label", {}, dead, " ", t("redeliver.dead")), said),
    yes: t("redeliver"),
    act: async (say) => {
      const before = await get(path);
      const { count: queued } = await post(`${path}/redeliver`, what());
      if (queued === 0) return t("redeliver.nothing");
      return follow(path, before, queued, say);
    },
  });
  void count();
}

/**
 * @param {string} path
 * @param {import("../types").Endpoint} before
 * @param {number} queued
 * @param {(text: string) => void} say
 */
async function follow(path, before, queued, say) {
  const until = Date.now() + WATCHED * 1000;
  let text = t("redeliver.done", { count: queued });
  while (Date.now() < until) {
    say(text);
    await new Promise((done) => setTimeout(done, 1000));
    const now = await get(path);
    const arrived = Math.min(queued, Math.max(0, now.delivered - before.delivered));
    text = `${t("redeliver.done", { count: queued })} ${t("redeliver.progress", { arrived: number(arrived), waiting: number(now.pending) })}`;
    if (arrived >= queued || now.pending === 0) break;
  }
  return text;
}
