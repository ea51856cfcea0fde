// @ts-check
/** A box to imagine something in: it is submitted once, and its task comes up on the wall. */

import { press } from "./api.js";
import { el, fill } from "./dom.js";
import { sentence } from "./presses.js";
import { messageOf } from "./states.js";
import { t } from "./text.js";

/** @param {() => string} upstream Where; empty: where nothing else is meant. */
export function imagineForm(upstream) {
  const prompt = el("input", { name: "prompt", placeholder: t("imagine.hint"), "aria-label": t("imagine.hint"), autocomplete: "off", maxlength: 8000 });
  const go = el("button", { type: "submit", class: "primary" }, t("imagine"));
  const result = el("span", { role: "status", class: "soft result" });
  return el("form", { class: "toolbar imagine", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    if (prompt.value.trim()) void submit();
  } }, prompt, go, result);

  async function submit() {
    go.disabled = true;
    try {
      const at = upstream();
      fill(result, sentence(await press("/actions", { submit: "imagine", body: { prompt: prompt.value.trim() }, ...(at ? { upstream: at } : {}) }, true)));
      prompt.value = "";
    } catch (error) {
      fill(result, messageOf(error));
    } finally {
      go.disabled = false;
    }
  }
}
