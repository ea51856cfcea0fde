// @ts-check
/** The frame around the pages: which one is shown, what the header says, and the keys. */

import { OURS } from "./api.js";
import { el, fill, setText } from "./dom.js";
import { keysDialog } from "./dialogs.js";
import { streamState } from "./stream.js";
import { language, t, useCatalog } from "./text.js";

/**
 * Pages by the form of their path. Each is an element of its own, in a module that is fetched
 * when it is first needed.
 * @type {[RegExp, string, () => Promise<unknown>, string][]}
 */
const PAGES = [
  [/^\/$/, "mj-wall", () => import("./wall.js"), "wall"],
  [/^\/tasks\/[^/]+(\/[^/]+)?$/, "mj-task", () => import("./task.js"), "wall"],
  [/^\/deliveries$/, "mj-deliveries", () => import("./deliveries.js"), "deliveries"],
  [/^\/endpoints$/, "mj-endpoints", () => import("./endpoints.js"), "endpoints"],
  [/^\/endpoints\/[^/]+$/, "mj-endpoint", () => import("./endpoint.js"), "endpoints"],
  [/^\/upstreams$/, "mj-upstreams", () => import("./upstreams.js"), "upstreams"],
];

const main = /** @type {HTMLElement} */ (document.querySelector("main"));
/**
 * The wall stays as it is while a task is looked at: its place, its cards, what it has read.
 * @type {{wall: any, scroll: number}}
 */
const left = { wall: null, scroll: 0 };
let signedOut = false;

async function show() {
  const path = location.pathname;
  const found = PAGES.find(([form]) => form.test(path));
  if (!found) return;
  const [, tag, load, section] = found;
  for (const link of document.querySelectorAll("header nav a")) {
    if (/** @type {HTMLElement} */ (link).dataset.page === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  await load();
  if (location.pathname !== path) return; // gone on, meanwhile
  const now = /** @type {any} */ (main.firstElementChild);
  if (now?.localName === tag && now.dataset.path === path) {
    now.navigated?.();
    return;
  }
  if (now && now === left.wall) left.scroll = window.scrollY;
  document.title = `${t(`nav.${section}`)} · mjbridge`;
  const page = tag === "mj-wall" && left.wall ? left.wall : el(/** @type {any} */ (tag));
  page.dataset.path = path;
  fill(main, page);
  if (now) main.focus({ preventScroll: true }); // a reader hears that the page is another one
  window.scrollTo({ top: page === left.wall ? left.scroll : 0 });
  if (tag === "mj-wall") left.wall = page;
  page.resume?.();
}

/** Go to one of our own pages. @param {string} path */
function go(path) {
  history.pushState(null, "", path);
  void show();
}

/** @param {MouseEvent} event */
function follow(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = /** @type {HTMLElement} */ (event.target).closest("a");
  if (!link || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !PAGES.some(([form]) => form.test(url.pathname))) return;
  event.preventDefault();
  go(url.pathname + url.search);
}

/** @param {KeyboardEvent} event */
function press(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "Escape") {
    if (target.matches("input, select")) target.blur();
    else if (location.pathname !== "/" && !document.querySelector("dialog[open]")) go(left.wall?.address ?? "/");
    return;
  }
  if (target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
  const page = /** @type {any} */ (main.firstElementChild);
  const done = {
    "/": () => (page?.search ? page.search() : go("/")),
    j: () => page?.step?.(1),
    k: () => page?.step?.(-1),
    r: () => page?.redeliver?.(),
    "?": () => keysDialog(),
  }[event.key];
  if (!done) return;
  event.preventDefault();
  done();
}

function showState() {
  const state = signedOut ? "signed-out" : streamState();
  const place = /** @type {HTMLElement} */ (document.querySelector(".live"));
  place.dataset.state = state;
  const text = /** @type {HTMLElement} */ (place.querySelector("span"));
  setText(text, t(`live.${state}`));
  place.title = t(`live.${state}.why`);
}

/** @param {string} name @param {string} value */
function remember(name, value) {
  document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; SameSite=Lax`;
}

function controls() {
  const root = document.documentElement;
  const theme = /** @type {HTMLButtonElement} */ (document.querySelector("[data-do=theme]"));
  const label = () => theme.setAttribute("title", t(`theme.${root.dataset.theme ?? "auto"}`));
  theme.addEventListener("click", () => {
    const next = { auto: "light", light: "dark", dark: "auto" }[root.dataset.theme ?? "auto"] ?? "auto";
    root.dataset.theme = next;
    remember("theme", next);
    label();
  });
  label();
  document.querySelector("[data-do=language]")?.addEventListener("click", () => {
    remember("lang", language === "zh" ? "en" : "zh");
    location.reload();
  });
  document.querySelector("[data-do=signout]")?.addEventListener("click", async () => {
    await fetch("/signout", { method: "POST", headers: OURS }).catch(() => null);
    location.assign("/");
  });
  document.querySelector("[data-do=keys]")?.addEventListener("click", () => keysDialog());
}

async function begin() {
  const strings = /** @type {HTMLLinkElement} */ (document.querySelector("link[data-strings]"));
  useCatalog(await (await fetch(strings.href)).json());
  controls();
  showState();
  window.addEventListener("stream-state", showState);
  window.addEventListener("signed-out", () => {
    signedOut = true;
    showState();
  });
  window.addEventListener("popstate", () => void show());
  document.addEventListener("click", follow);
  document.addEventListener("keydown", press);
  history.scrollRestoration = "manual";
  await show();
}

void begin();
