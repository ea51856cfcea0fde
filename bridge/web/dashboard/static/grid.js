// @ts-check
/**
 * The cards of a wall. However many tasks there are, the page holds the cards that are seen and
 * some screens around them. All cards are equally high, so their places are known without them.
 */

import { Card } from "./card.js";
import { el } from "./dom.js";
import { t } from "./text.js";

/** @typedef {import("./tasks.js").Row} Row */

/** Cards in the page, at most. */
const MOST_CARDS = 300;
/** The height of a row until there is a card to measure. */
const GUESS = 320;
/** What is covered of the window: the header above, a margin below. */
const COVERED = { above: 96, below: 24 };

export class Grid {
  /** @type {Map<string, Card>} */
  #cards = new Map();
  /** @type {Row[]} */
  #rows = [];
  /** @type {string | undefined} */
  #current;

  constructor() {
    this.root = el("ul", { class: "grid", role: "list", "aria-label": t("nav.wall"), onfocusin: (/** @type {FocusEvent} */ event) => {
      this.#current = /** @type {HTMLElement} */ (event.target).closest("li")?.dataset.key;
    } });
  }

  /** Show other tasks than before, from the top. */
  clear() {
    this.#cards.forEach((card) => card.root.remove());
    this.#cards.clear();
    this.#rows = [];
    this.#current = undefined;
    this.root.style.padding = "0";
  }

  /** Take over a list that may differ in any way. @param {Row[]} rows */
  show(rows) {
    this.#rows = rows;
    for (const row of rows) this.#cards.get(row.key)?.update(row);
    if (this.root.isConnected) this.render();
  }

  /** A task changed. @param {Row} row */
  update(row) {
    this.#cards.get(row.key)?.update(row);
  }

  /** Say again how old the tasks are. */
  tick() {
    this.#cards.forEach((card) => card.tick());
  }

  /**
   * Put the cards in place that belong to where the window is.
   *
   * @returns {boolean} Whether the end of the list is near.
   */
  render() {
    const rows = this.#rows;
    if (rows[0] && !this.root.firstElementChild) this.root.append(this.#card(rows[0]).root);
    const { columns, height, top } = this.#shape();
    const screens = Math.ceil(window.innerHeight / height);
    const seen = Math.floor((window.scrollY - top) / height);
    const first = Math.min(Math.max(0, seen - screens) * columns, Math.floor(rows.length / columns) * columns);
    const most = Math.floor(MOST_CARDS / columns) * columns;
    const last = Math.min(rows.length, Math.max(1, seen + 2 * screens + 1) * columns, first + most);
    this.#place(rows.slice(first, last));
    const lines = Math.ceil(rows.length / columns) - Math.ceil(last / columns);
    this.root.style.paddingTop = `${(first / columns) * height}px`;
    this.root.style.paddingBottom = `${Math.max(0, lines) * height}px`;
    return last > rows.length - screens * columns;
  }

  /** Go to the next card or the one before, and show it. @param {number} by */
  step(by) {
    const rows = this.#rows;
    const { columns, height, top } = this.#shape();
    const here = rows.findIndex((row) => row.key === this.#current);
    const start = Math.max(0, Math.ceil((window.scrollY + COVERED.above - top) / height)) * columns;
    const index = Math.min(Math.max(here < 0 ? start : here + by, 0), rows.length - 1);
    const row = rows[index];
    if (!row) return;
    const place = top + Math.floor(index / columns) * height;
    const lowest = window.scrollY + window.innerHeight - COVERED.below - height;
    if (place - COVERED.above < window.scrollY) window.scrollTo({ top: place - COVERED.above });
    else if (place > lowest) window.scrollTo({ top: window.scrollY + place - lowest });
    this.render();
    this.#cards.get(row.key)?.link.focus({ preventScroll: true });
  }

  /** Focus the card that was focused last, if it is there. */
  focus() {
    this.#cards.get(this.#current ?? "")?.link.focus({ preventScroll: true });
  }

  /** What the style makes of the window: how many columns, how high a row with its gap is. */
  #shape() {
    const style = getComputedStyle(this.root);
    const columns = style.gridTemplateColumns.split(" ").length;
    const card = /** @type {HTMLElement | null} */ (this.root.firstElementChild);
    const height = card ? card.offsetHeight + parseFloat(style.rowGap) : GUESS;
    return { columns, height, top: this.root.getBoundingClientRect().top + window.scrollY };
  }

  /** @param {Row[]} rows */
  #place(rows) {
    const wanted = new Set(rows.map((row) => row.key));
    for (const [key, card] of this.#cards) {
      if (wanted.has(key)) continue;
      card.root.remove();
      this.#cards.delete(key);
    }
    let node = this.root.firstElementChild;
    for (const row of rows) {
      const { root } = this.#card(row);
      if (root === node) node = node.nextElementSibling;
      else this.root.insertBefore(root, node);
    }
  }

  /** @param {Row} row */
  #card(row) {
    let card = this.#cards.get(row.key);
    if (!card) this.#cards.set(row.key, (card = new Card(row)));
    return card;
  }
}
