// @ts-check
/** Dialogs: the keys, and a question before something is done that cannot be taken back. */

import { el, fill } from "./dom.js";
import { messageOf } from "./states.js";
import { t } from "./text.js";

/**
 * @param {string} title
 * @param {...(Node | string)} children
 */
function open(title, ...children) {
  const dialog = el("dialog", { "aria-labelledby": "dialog-title", onclose: () => dialog.remove(),
    onclick: (/** @type {Event} */ e) => e.target === dialog && dialog.close() },
    el("div", { class: "dialog" }, el("h2", { id: "dialog-title" }, title), ...children));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** The keys that the pages know. */
export function keysDialog() {
  const keys = ["/", "j", "k", "Enter", "r", "Esc", "?"];
  const dialog = open(t("keys"),
    el("dl", { class: "keys" }, ...keys.flatMap((key) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, t(`keys.${key}`))])),
    el("p", { class: "actions" }, el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, t("close"))));
}

/**
 * Ask for a text; `null` if none is given.
 *
 * @param {{title: string, label: string, yes: string}} question
 * @returns {Promise<string | null>}
 */
export function askFor({ title, label, yes }) {
  return new Promise((resolve) => {
    const field = el("input", { "aria-label": label, placeholder: label, autocomplete: "off", maxlength: 8000, autofocus: true });
    const dialog = open(title, el("form", { method: "dialog", onsubmit: () => resolve(field.value.trim() || null) }, field,
      el("p", { class: "actions" }, el("button", { type: "button", onclick: () => dialog.close() }, t("cancel")),
        el("button", { type: "submit", class: "primary" }, yes))));
    dialog.addEventListener("close", () => resolve(null));
  });
}

/**
 * Ask before something is done, do it, and say what came of it in the same place.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {string | Node} question.text
 * @param {string} question.yes
 * @param {boolean} [question.danger]
 * @param {(say: (text: string) => void) => Promise<string | null>} question.act Returns what to say at
 *   the end; `null` closes the dialog.
 */
export function ask({ title, text, yes, danger = false, act }) {
  const result = el("p", { role: "status", class: "result" });
  const go = el("button", { type: "button", class: danger ? "danger" : "primary", onclick: run }, yes);
  const no = el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, t("cancel"));
  const dialog = open(title, el("p", {}, text), result, el("p", { class: "actions" }, no, go));

  async function run() {
    go.disabled = true;
    try {
      const said = await act((/** @type {string} */ now) => fill(result, now));
      if (said === null) return dialog.close();
      fill(result, said);
      go.remove();
      fill(no, t("close"));
      no.focus();
    } catch (error) {
      go.disabled = false;
      fill(result, messageOf(error));
    }
  }
  return dialog;
}
