// @ts-check
/** The wall: every task as a picture, moving live. The filter is in the address. */

import { withQuery } from "./addresses.js";
import { get } from "./api.js";
import { el, fill, setText } from "./dom.js";
import { Grid } from "./grid.js";
import { imagineForm } from "./imagine.js";
import { commandFor, emptyState, problemState } from "./states.js";
import { openStream, subscribe } from "./stream.js";
import { Tasks } from "./tasks.js";
import { t } from "./text.js";

const STATUSES = ["", "SUBMITTED", "IN_PROGRESS", "MODAL", "SUCCESS", "FAILURE", "CANCEL", "LOST"];
/** Milliseconds: after the last letter of a search; between two looks for what is new. */
const TYPING = 250;
const ARRIVING = 300;
const AGEING = 10_000;
/** How far from its top a page still counts as being there, in pixels. */
const AT_TOP = 40;

class Wall extends HTMLElement {
  #tasks = new Tasks({ status: "", upstream: "", q: "" });
  #grid = new Grid();
  #field = el("input", { type: "search", placeholder: t("wall.search"), "aria-label": t("wall.search"), autocomplete: "off" });
  #upstream = el("select", { "aria-label": t("upstream"), hidden: true }, el("option", { value: "" }, t("wall.upstreams")));
  #chips = el("nav", { class: "chips", "aria-label": t("wall.filter") });
  #following = el("button", { type: "button", class: "quiet", title: t("wall.follow.why") }, t("wall.follow"));
  #pill = el("button", { type: "button", class: "pill", hidden: true });
  /** What is there in place of cards: a skeleton, a problem, an explanation. */
  #place = el("div");
  /** @type {(() => void)[]} */
  #ends = [];
  #frame = 0;
  #typing = 0;
  #arriving = 0;

  connectedCallback() {
    if (!this.firstChild) this.#build();
    const again = () => this.#schedule();
    const shape = new ResizeObserver(again);
    shape.observe(this.#grid.root);
    window.addEventListener("scroll", again, { passive: true });
    const ageing = setInterval(() => this.#grid.tick(), AGEING);
    this.#ends = [
      () => shape.disconnect(),
      () => window.removeEventListener("scroll", again),
      () => clearInterval(ageing),
    ];
    this.navigated();
  }

  disconnectedCallback() {
    this.#ends.forEach((end) => end());
  }

  /** The address may have changed under the wall: another filter. */
  navigated() {
    const filter = filterOf();
    if (this.#tasks.loaded && JSON.stringify(filter) === JSON.stringify(this.#tasks.filter)) {
      this.#grid.render(); // at once: the page has to be as high as it was to be scrolled there
      return;
    }
    if (document.activeElement !== this.#field) this.#field.value = filter.q;
    this.#upstream.value = filter.upstream;
    fill(this.#chips, ...STATUSES.map((status) => el("a", {
      class: "chip", href: addressOf({ ...filter, status }), "aria-current": status === filter.status ? "true" : null,
    }, t(status ? `status.${status}` : "wall.all"))));
    this.#tasks = new Tasks(filter);
    this.#grid.clear();
    this.#setWaiting();
    void this.#refresh();
  }

  /** The address that shows the wall as it is. */
  get address() {
    return addressOf(this.#tasks.filter);
  }

  /** Put the cursor into the search field. */
  search() {
    this.#field.focus();
    this.#field.select();
  }

  /** Take up where the wall was left. */
  resume() {
    this.#grid.focus();
  }

  /** Go to the next card or the one before. @param {number} by */
  step(by) {
    this.#grid.step(by);
  }

  #build() {
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#go({ q: this.#field.value.trim() }), TYPING);
    });
    this.#upstream.addEventListener("change", () => this.#go({ upstream: this.#upstream.value }));
    this.#following.addEventListener("click", () => this.#follow(!this.#follows));
    this.#pill.addEventListener("click", () => void this.#letIn());
    const search = el("form", { class: "toolbar", role: "search", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#go({ q: this.#field.value.trim() });
    } }, this.#field, this.#upstream, this.#chips, this.#following);
    const news = el("div", { class: "pill-place", "aria-live": "polite" }, this.#pill);
    const imagine = imagineForm(() => this.#upstream.value);
    this.append(el("h1", { class: "sr" }, t("nav.wall")), imagine, search, news, this.#grid.root, this.#place);
    this.#follow(localStorage.getItem("mjbridge.follow") === "yes");
    void this.#readUpstreams();
    // Also while a task is looked at in its place: the wall is as it would be when it comes back.
    subscribe({ happened: (event) => this.#happened(event), reset: () => void this.#refresh() });
  }

  async #readUpstreams() {
    try {
      const { items } = await get("/upstreams");
      for (const { name } of items) this.#upstream.append(el("option", { value: name }, name));
      this.#upstream.hidden = items.length < 2;
      this.#upstream.value = this.#tasks.filter.upstream;
    } catch {
      // A filter fewer; the wall itself says what is wrong.
    }
  }

  /** @param {{upstream?: string, q?: string}} change */
  #go(change) {
    history.replaceState(null, "", addressOf({ ...filterOf(), ...change }));
    this.navigated();
  }

  get #follows() {
    return this.#following.getAttribute("aria-pressed") === "true";
  }

  /** @param {boolean} on */
  #follow(on) {
    this.#following.setAttribute("aria-pressed", String(on));
    localStorage.setItem("mjbridge.follow", on ? "yes" : "no");
    if (on && this.#tasks.waiting.size) void this.#letIn();
  }

  async #refresh() {
    const tasks = this.#tasks;
    if (!tasks.loaded) fill(this.#place, skeleton());
    try {
      await tasks.refresh();
    } catch (error) {
      if (tasks === this.#tasks) fill(this.#place, problemState(error, () => void this.#refresh()));
      return;
    } finally {
      openStream();
    }
    if (tasks !== this.#tasks) return;
    this.#setWaiting();
    fill(this.#place, tasks.rows.length ? null : nothing(tasks.filter));
    this.#grid.show(tasks.rows);
    this.#schedule();
  }

  async #letIn() {
    window.scrollTo({ top: 0 });
    await this.#refresh();
  }

  /** @param {import("./stream.js").Happening} event */
  #happened(event) {
    const change = this.#tasks.apply(event);
    if (change === null) return;
    if (change !== "waiting") this.#grid.update(change);
    else if (this.#tasks.rows.length === 0 || (this.#follows && window.scrollY < AT_TOP)) {
      clearTimeout(this.#arriving);
      this.#arriving = setTimeout(() => void this.#refresh(), ARRIVING);
    } else this.#setWaiting();
  }

  #setWaiting() {
    const count = this.#tasks.waiting.size;
    this.#pill.hidden = count === 0;
    if (count) setText(this.#pill, t("wall.new", { count }));
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.isConnected && this.#grid.render()) void this.#more();
    });
  }

  async #more() {
    const tasks = this.#tasks;
    try {
      if (!(await tasks.more()) || tasks !== this.#tasks) return;
      this.#grid.show(tasks.rows);
      this.#schedule();
    } catch (error) {
      fill(this.#place, problemState(error, () => void this.#more()));
    }
  }
}

/** @returns {import("./tasks.js").Filter} */
function filterOf() {
  const query = new URLSearchParams(location.search);
  return { status: query.get("status") ?? "", upstream: query.get("upstream") ?? "", q: query.get("q") ?? "" };
}

/** @param {import("./tasks.js").Filter} filter */
function addressOf(filter) {
  return withQuery("/", filter);
}

function skeleton() {
  const card = () => el("li", { class: "card" }, el("div", { class: "frame" }), el("i"), el("i"));
  return el("ul", { class: "grid skeleton", "aria-hidden": "true" }, ...Array.from({ length: 12 }, card));
}

/** @param {import("./tasks.js").Filter} filter */
function nothing({ status, upstream, q }) {
  if (status || upstream || q) {
    return emptyState(t("wall.none"), t("wall.none.hint"), el("a", { class: "button", href: "/" }, t("wall.clear")));
  }
  return emptyState(t("wall.empty"), t("wall.empty.hint"), commandFor("mjbridge track 1730621826053455"));
}

customElements.define("mj-wall", Wall);
