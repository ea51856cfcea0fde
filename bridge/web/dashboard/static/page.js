// @ts-check
/** What pages that show one answer of the API have in common: reading it, and staying true. */

import { el, fill } from "./dom.js";
import { loadingState, problemState } from "./states.js";
import { openStream, subscribe } from "./stream.js";

/** Between two readings, at least; a burst of events is one reason to read again, not many. */
const PAUSE = 1000;
/** What changes without an event (an age, a lag, a breaker's pause) is at most this old. */
const EVERY = 10_000;

/**
 * A page that reads its contents again when something happened that concerns it.
 *
 * @template T
 */
export class LivePage extends HTMLElement {
  sheet = el("div", { class: "sheet" });
  /** @type {AbortController | null} */
  #reading = null;
  /** @type {(() => void)[]} */
  #ends = [];
  /** @type {Map<string, string>} */
  #shown = new Map();
  #timer = 0;
  #last = 0;

  /** @param {AbortSignal} _signal @returns {Promise<T>} */
  async read(_signal) {
    throw new Error("each page reads its own contents");
  }

  /** @param {T} _contents */
  draw(_contents) {}

  /** Whether what the page shows may have changed. @param {import("./stream.js").Happening} _event */
  concerns(_event) {
    return true;
  }

  connectedCallback() {
    fill(this, this.sheet);
    fill(this.sheet, loadingState());
    const timer = setInterval(() => document.hidden || this.soon(), EVERY);
    this.#ends = [
      () => clearInterval(timer),
      () => clearTimeout(this.#timer),
      () => this.#reading?.abort(),
      subscribe({ happened: (event) => this.concerns(event) && this.soon(), reset: () => this.soon() }),
    ];
    void this.refresh();
  }

  disconnectedCallback() {
    this.#ends.forEach((end) => end());
  }

  /** The address changed under the page: another filter. */
  navigated() {
    void this.refresh();
  }

  /** Read again, but not more often than once a second. */
  soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), Math.max(0, this.#last + PAUSE - Date.now()));
  }

  async refresh() {
    this.#reading?.abort();
    const reading = (this.#reading = new AbortController());
    this.#last = Date.now();
    try {
      const contents = await this.read(reading.signal);
      if (reading.signal.aborted) return;
      if (this.#shown.size === 0) fill(this.sheet);
      this.redraw("problem", null, () => null);
      this.draw(contents);
    } catch (error) {
      if (!reading.signal.aborted) this.#problem(error);
    } finally {
      openStream();
    }
  }

  /**
   * Draw a part of the page, if what it shows has changed; the focus stays where it was.
   *
   * @template D
   * @param {string} name
   * @param {D} data All that `build` uses.
   * @param {(data: D) => Node | null} build
   */
  redraw(name, data, build) {
    const text = JSON.stringify(data);
    if (this.#shown.get(name) === text) return;
    this.#shown.set(name, text);
    const { sheet } = this;
    let place = sheet.querySelector(`:scope [data-part="${name}"]`);
    if (!place) sheet.append((place = el("div", { "data-part": name })));
    const controls = () => [.../** @type {Element} */ (place).querySelectorAll("a, button, select, input")];
    const focused = controls().indexOf(/** @type {Element} */ (document.activeElement));
    fill(place, build(data));
    if (focused >= 0) /** @type {HTMLElement | undefined} */ (controls()[focused])?.focus({ preventScroll: true });
  }

  /** @param {unknown} error */
  #problem(error) {
    const drawn = this.#shown.size > 1;
    // What was read before is still worth more than an empty page; the header says what is wrong.
    if (!drawn) fill(this.sheet, problemState(error, () => void this.refresh()));
    if (!drawn) this.#shown.clear();
  }
}
