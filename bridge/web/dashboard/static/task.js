// @ts-check
/** One task: its picture, what it was asked for, and everything that came of it. */

import { withQuery } from "./addresses.js";
import { get, post, remove } from "./api.js";
import { toneOf } from "./card.js";
import { ask } from "./dialogs.js";
import { el, fill, foreign, plain, webUrl } from "./dom.js";
import { freshness } from "./freshness.js";
import { LivePage } from "./page.js";
import { Picture, placeOf } from "./picture.js";
import { lineage, pressPanel, readPresses } from "./presses.js";
import { copyButton, messageOf } from "./states.js";
import { actionName, fullTime, number, statusName, t, time } from "./text.js";
import { timeline } from "./timeline.js";

/** @typedef {import("../types").TaskDetail} TaskDetail */
/** @typedef {import("../types").TaskWithActions} TaskWithActions */

/** @extends {LivePage<TaskWithActions>} */
class TaskPage extends LivePage {
  #picture = new Picture({ small: false, alt: "", lazy: false, moved: () => this.contents && this.draw(this.contents) });
  #result = el("p", { role: "status", class: "soft result" });

  connectedCallback() {
    const [, , first = "", second] = location.pathname.split("/").map(decodeURIComponent);
    this.upstream = second === undefined ? undefined : first;
    this.task = second ?? first;
    super.connectedCallback();
  }

  /** @param {AbortSignal} signal @returns {Promise<TaskWithActions>} */
  async read(signal) {
    const task = await get(`/tasks/${encodeURIComponent(this.task ?? "")}`, { upstream: this.upstream }, signal);
    return { ...task, actions: await readPresses(task, signal) };
  }

  /** @param {import("./stream.js").Happening} event */
  concerns({ type, data }) {
    if (type === "delivery") return this.events?.has(data.eventId) ?? true;
    return data?.data?.id === this.task || data?.data?.parentId === this.task;
  }

  /** @param {TaskWithActions} task */
  draw(task) {
    const { sheet } = this;
    this.contents = task;
    // An action is delivered under its own id.
    this.events = new Set([...task.events.map((event) => event.eventId), ...task.actions.map((one) => one.id)]);
    this.upstream = task.upstream;
    document.title = `${plain(task.prompt, 60) || task.id} · mjbridge`;
    if (!sheet.querySelector(".task")) fill(sheet, this.#frame());
    this.#drawPicture(task);
    const { events, actions, nextLookAt, ...rest } = task;
    this.redraw("head", rest, (now) => head(now));
    this.redraw("freshness", { rest, events }, () => freshness(task));
    this.redraw("actions", [this.#newest()?.eventId, this.#isOpen(), task.active, this.#picture.gone], () => this.#actions(task));
    this.redraw("lineage", rest, lineage);
    this.redraw("buttons", { ...rest, actions }, () => pressPanel(task, () => this.soon()));
    this.redraw("facts", rest, facts);
    this.redraw("timeline", [task.trackedAt, events], () => timeline(task, (event, endpoint) => this.#again(event, endpoint)));
  }

  /** Send the newest event again. */
  redeliver() {
    const newest = this.#newest();
    if (newest && !this.#isOpen()) void this.#again(newest.eventId);
  }

  #frame() {
    const parts = (/** @type {string[]} */ ...names) => names.map((name) => el("div", { "data-part": name }));
    return el("article", { class: "task" },
      el("div", { class: "picture" }, this.#picture.root, el("div", { "data-part": "videos" })),
      el("div", {}, ...parts("head", "lineage", "freshness", "actions", "buttons", "timeline", "facts")),
    );
  }

  /** @param {TaskDetail} task */
  #drawPicture(task) {
    const picture = this.#picture;
    picture.image.alt = plain(task.prompt, 300) || t("picture.of", { id: task.id });
    const running = task.status === "IN_PROGRESS";
    picture.show(placeOf(task), running ? task.progress ?? 0 : null);
    picture.say(running ? el("strong", { class: "tile-percent" }, `${number(task.progress ?? 0)}\u202f%`) : t("picture.none"));
    this.redraw("videos", task.videoUrls, videos);
  }

  #newest() {
    return this.contents?.events[0];
  }

  #isOpen() {
    return this.#newest()?.deliveries.some((one) => one.state === "pending" || one.state === "held") ?? false;
  }

  /** @param {TaskDetail} task */
  #actions(task) {
    const open = this.#isOpen();
    const place = this.#picture.gone ? this.#picture.place : placeOf(task);
    return el("div", { class: "rows" }, el("div", { class: "actions" },
      el("button", { type: "button", disabled: open || !this.#newest(), title: open ? t("redeliver.open") : null,
        onclick: () => this.redeliver() }, t("redeliver"), el("kbd", { "aria-hidden": "true" }, "r")),
      task.imageUrl && el("a", { class: "button", href: place.url, target: "_blank", rel: "noreferrer noopener" }, t("picture.open")),
      el("button", { type: "button", class: "quiet", onclick: () => this.#untrack(task) }, t("untrack")),
    ), this.#result);
  }

  /** @param {string} event @param {string} [endpoint] */
  async #again(event, endpoint) {
    const say = (/** @type {string} */ text) => fill(this.#result, text);
    say(t("redeliver.asking"));
    try {
      const { queued, skipped } = await post(`/events/${encodeURIComponent(event)}/redeliver`, endpoint ? { endpoint } : {});
      const left = skipped.map((/** @type {any} */ one) => `${one.endpoint}: ${plain(one.reason)}`);
      say([queued.length ? t("redeliver.queued", { names: queued.join(", ") }) : t("redeliver.nothing"), ...left].join(" · "));
    } catch (error) {
      say(messageOf(error));
    }
    this.soon();
  }

  /** @param {TaskDetail} task */
  #untrack(task) {
    ask({
      title: t("untrack.title"), text: t("untrack.text"), yes: t("untrack"), danger: true,
      act: async () => {
        await remove(withQuery(`/tasks/${encodeURIComponent(task.id)}`, { upstream: task.upstream }));
        return t("untrack.done");
      },
    });
  }
}

/** @param {Omit<TaskDetail, "events" | "nextLookAt">} task */
function head(task) {
  const percent = task.status === "IN_PROGRESS" && task.progress !== null;
  return el("div", { class: "rows" },
    el("div", { class: "title" },
      el("h1", {}, actionName(task.action)),
      el("span", { class: "status", "data-tone": toneOf(task.status) }, el("i", { "aria-hidden": "true" }),
        percent ? t("status.percent", { status: statusName(task.status), percent: number(task.progress ?? 0) }) : statusName(task.status)),
    ),
    task.failReason && el("p", { class: "bad", dir: "auto" }, plain(task.failReason)),
    task.prompt && el("p", { class: "prompt", dir: "auto", tabindex: 0, role: "group", "aria-label": t("prompt") }, plain(task.prompt)),
    task.prompt && el("p", {}, copyButton(task.prompt, t("prompt.copy"))),
  );
}

/**
 * Links, and no players: nothing but pictures is fetched from anywhere else.
 *
 * @param {string[]} urls
 */
function videos(urls) {
  const shown = urls.filter((url) => webUrl(url) !== null);
  return shown.length ? el("p", { class: "actions" }, ...shown.map((url, index) =>
    el("a", { class: "button", href: url, target: "_blank", rel: "noreferrer noopener" }, t("video", { number: index + 1 })))) : null;
}

/** @param {Omit<TaskDetail, "events" | "nextLookAt">} task */
function facts(task) {
  /** @type {[string, string | null][]} */
  const times = [["submitted", task.submitTime], ["started", task.startTime], ["finished", task.finishTime], ["tracked", task.trackedAt]];
  const metadata = Object.keys(task.metadata ?? {}).length ? JSON.stringify(task.metadata, null, 1) : null;
  return el("section", { class: "panel" }, el("h2", {}, t("facts")), el("dl", { class: "facts" },
    el("dt", {}, t("id")), el("dd", {}, el("code", {}, foreign(task.id)), " ", copyButton(task.id)),
    el("dt", {}, t("upstream")), el("dd", {}, foreign(task.upstream)),
    ...times.flatMap(([name, at]) => at ? [el("dt", {}, t(`fact.${name}`)), el("dd", {}, el("time", { datetime: at, title: fullTime(at) }, time(at)))] : []),
    ...(metadata ? [el("dt", {}, t("metadata")), el("dd", {}, el("code", { dir: "auto" }, plain(metadata, 4000)))] : []),
  ));
}

customElements.define("mj-task", TaskPage);
