// @ts-check
/**
 * Building pages from text that is somebody else's.
 *
 * Rule 1: text is text. Nothing in the dashboard turns a string into markup, and the page's
 * Content-Security-Policy (Trusted Types) forbids it.
 * Rule 2: an address is followed or loaded only if it is http, https or one of our own paths.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {{[name: string]: any}} Props */

const SVG = "http://www.w3.org/2000/svg";
/** Control characters but tab and line feed, and what reorders the text around it. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props] `class`, `data-…`, `aria-…` and other attributes; `onclick` and the like
 *   are listeners. `null`, `undefined` and `false` leave an attribute out.
 * @param {...Child} children Strings become text.
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  assign(made, props);
  made.append(...children.filter(isShown).map(asNode));
  return made;
}

/**
 * Make an SVG element.
 *
 * @param {string} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  assign(made, props);
  made.append(...children.filter(isShown).map(asNode));
  return made;
}

/**
 * Put children in the place of those that an element has.
 *
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter(isShown).map(asNode));
}

/**
 * Change an element's text, if it is another one.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Return foreign text in a form that shows everything and reorders nothing: control characters
 * and those that change the direction of text become visible marks.
 *
 * @param {unknown} value
 * @param {number} [most] Characters that are shown.
 */
export function plain(value, most = Infinity) {
  if (value === null || value === undefined) return "";
  const whole = String(value);
  const text = whole.length > most ? `${whole.slice(0, most - 1)}…` : whole;
  return text.toWellFormed().replace(UNSEEN, (found) => {
    const code = found.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
  });
}

/**
 * Return an address if a browser may follow it, else `null`.
 *
 * @param {unknown} value
 */
export function webUrl(value) {
  if (typeof value !== "string") return null;
  const url = URL.parse(value, location.href);
  return url && (url.protocol === "https:" || url.protocol === "http:") ? value : null;
}

/**
 * Make the isolated form of foreign text, which keeps its direction to itself.
 *
 * @param {unknown} value
 * @param {Props} [props]
 */
export function foreign(value, props = {}) {
  return el("bdi", props, plain(value));
}

/** @param {Child} child @returns {child is Node | string | number} */
function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

/** @param {Node | string | number} child @returns {Node | string} */
function asNode(child) {
  return typeof child === "number" ? String(child) : child;
}

/** @param {Element} element @param {Props} props */
function assign(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "href" || name === "src") {
      const url = webUrl(value);
      if (url !== null) element.setAttribute(name, url);
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
}
