// @ts-check
/** What a page shows in place of what it has not: nothing, not yet, or not any more. */

import { Problem } from "./api.js";
import { el, plain } from "./dom.js";
import { t } from "./text.js";

/**
 * @param {string} title
 * @param {string} hint
 * @param {...(Node | null)} more
 */
export function emptyState(title, hint, ...more) {
  return el("section", { class: "state" }, el("h2", {}, title), el("p", {}, hint), ...more);
}

/** A command, to be copied. @param {string} command */
export function commandFor(command) {
  return el("p", { class: "command" }, el("code", {}, command), copyButton(command));
}

/**
 * A button that copies a text.
 *
 * @param {string} text
 * @param {string} [label]
 */
export function copyButton(text, label = t("copy")) {
  const button = el("button", { type: "button", class: "quiet small", onclick: async () => {
    await copy(text);
    button.textContent = t("copied");
    setTimeout(() => (button.textContent = label), 1500);
  } }, label);
  return button;
}

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http from another machine: the old way still works there.
  const area = el("textarea", { class: "sr" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** What to say of an error. @param {unknown} error */
export function messageOf(error) {
  return plain(error instanceof Error ? error.message : error, 500);
}

/**
 * What went wrong, and how it goes on.
 *
 * @param {unknown} error
 * @param {() => void} again
 */
export function problemState(error, again) {
  const status = error instanceof Problem ? error.status : -1;
  const kind = status === 0 ? "unreachable" : status === 401 ? "signed-out" : status === 503 ? "store" : status === 404 ? "missing" : "other";
  const detail = messageOf(error);
  return el("section", { class: "state", role: "alert", "data-problem": kind },
    el("h2", {}, t(`problem.${kind}`)),
    el("p", { dir: "auto" }, kind === "other" || kind === "store" ? detail : t(`problem.${kind}.hint`)),
    // Whoever is signed out gets the page that asks for the token at this same address.
    kind === "signed-out"
      ? el("button", { type: "button", class: "primary", onclick: () => location.reload() }, t("signin"))
      : el("button", { type: "button", onclick: again }, t("again")),
  );
}

/** Lines of grey where a page's contents are going to be. @param {number} [lines] */
export function loadingState(lines = 6) {
  return el("div", { class: "skeleton lines", role: "status", "aria-label": t("loading") },
    ...Array.from({ length: lines }, () => el("i")));
}
