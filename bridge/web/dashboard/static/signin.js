// @ts-check
/** The page that is shown in the place of any other until a visitor has signed in. */

import { OURS } from "./api.js";
import { t, useCatalog } from "./text.js";

const form = /** @type {HTMLFormElement} */ (document.querySelector("form.signin"));
const said = /** @type {HTMLElement} */ (form.querySelector("[role=alert]"));
const strings = /** @type {HTMLLinkElement} */ (document.querySelector("link[data-strings]"));
useCatalog(await (await fetch(strings.href)).json());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("token"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  said.textContent = "";
  button.disabled = true;
  try {
    const response = await fetch("/signin", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", ...OURS },
      body: JSON.stringify({ token: field.value.trim() }),
    });
    if (response.ok) return location.reload();
    const problem = await response.json().catch(() => null);
    said.textContent = response.status === 401 ? t("signin.wrong") : (problem?.detail ?? t("signin.failed"));
  } catch {
    said.textContent = t("problem.unreachable");
  }
  button.disabled = false;
  field.select();
});
