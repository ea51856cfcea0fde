// @ts-check
/** Pictures, in a box whose size is known before they are there; and why one is not. */

import { el, fill, plain, webUrl } from "./dom.js";
import { t } from "./text.js";

const LOCAL = /^(localhost|127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|\[f[cd]|\[fe80)|\.(local|internal)$|^[^.]+$/;
/** Pictures of Midjourney's own site, which have small forms beside them. */
const MIDJOURNEY = /^(https:\/\/cdn\.midjourney\.com\/(?:video\/)?[\da-f-]{36}\/\d+_\d+)\.(?:png|jpe?g|webp)$/;

/** A picture of a gateway (new-api and its kin), which shows preview and final one at one address. */
const GATEWAY = /\/mj\/image\/[^/?#]+$/;

/**
 * Return an address at which a preview is not the picture that the browser has already.
 *
 * @param {string | null} url
 * @param {number | null} progress Of a task that is worked on; else `null`.
 */
function previewForm(url, progress) {
  return url !== null && progress !== null && GATEWAY.test(url) ? `${url}?rand=${progress}` : url;
}

/**
 * Return the address of a smaller form of a picture, or its own.
 *
 * Discord's media proxy scales to `width` without asking for another signature; Midjourney's
 * site keeps `…_384_N.webp` beside each original; so does the archive.
 *
 * @param {string} url
 */
function smallForm(url) {
  const kept = KEPT.exec(url);
  if (kept) return `/files/${kept[1]}-512.webp`;
  const midjourney = MIDJOURNEY.exec(url);
  if (midjourney) return `${midjourney[1]}_384_N.webp`;
  const parsed = URL.parse(url);
  if (parsed?.hostname === "media.discordapp.net" && !parsed.searchParams.has("width")) {
    return `${url}${parsed.search ? (/[?&]$/.test(url) ? "" : "&") : "?"}width=512`;
  }
  return url;
}

/**
 * Say why a picture cannot be shown.
 *
 * @param {string} url
 * @param {string | null} expiresAt
 */
function whyMissing(url, expiresAt) {
  if (expiresAt && Date.parse(expiresAt) < Date.now()) return t("picture.expired");
  const host = URL.parse(url)?.hostname ?? "";
  if (LOCAL.test(host)) return t("picture.local", { host });
  return t("picture.broken", { host: host || "?" });
}

/** A picture that is kept here, under the hash of its content. */
const KEPT = /\/files\/([\da-f]{64})\.(?:png|jpg|webp|gif)$/;

/**
 * Where a picture is, and until when.
 *
 * @typedef {object} Place
 * @property {string | null} url
 * @property {string | null} expiresAt
 * @property {Place} [source] Of a picture that is kept here: where the gateway says that it is.
 */

/**
 * Return where a task's picture is: where it is kept, or else where the gateway says.
 *
 * @param {Pick<import("../types").Task, "imageUrl" | "imageExpiresAt" | "archived">} task
 * @returns {Place}
 */
export function placeOf(task) {
  const source = { url: task.imageUrl, expiresAt: task.imageExpiresAt };
  const kept = task.archived?.find((file) => file.type.startsWith("image/"));
  if (!kept) return source;
  // Under the address at which this page is open, whatever the event calls the server.
  const name = URL.parse(kept.url, location.href)?.pathname.split("/").pop();
  return { url: name ? `/files/${name}` : kept.url, expiresAt: null, source };
}

/** A box for one picture that changes: a preview, then the final one. */
export class Picture {
  /** @param {{small: boolean, alt: string, lazy?: boolean, moved?: () => void}} options */
  constructor({ small, alt, lazy = true, moved = () => {} }) {
    this.small = small;
    this.moved = moved; // told when another place than the given one is tried
    /** @type {string | null} What is to be shown. */
    this.url = null;
    /** @type {Place} What the browser was given for it. */
    this.place = { url: null, expiresAt: null };
    /** Whether it was kept here, and is not there any more. */
    this.gone = false;
    this.image = el("img", {
      alt: plain(alt, 300),
      loading: lazy ? "lazy" : null,
      decoding: "async",
      referrerpolicy: "no-referrer",
      onload: () => this.#settle("shown"),
      onerror: () => this.#failed(),
    });
    this.note = el("span", { class: "frame-note" });
    this.root = el("div", { class: "frame", "data-picture": "none" }, this.note);
  }

  /**
   * Show a picture; nothing happens if it is the one that is shown.
   *
   * @param {Place} place
   * @param {number | null} [progress] See `previewForm`.
   */
  show(place, progress = null) {
    const url = previewForm(place.url, progress);
    if (url === this.url) return;
    this.url = url;
    this.gone = false;
    this.#load({ ...place, url });
  }

  /** @param {Place} place */
  #load(place) {
    this.place = place;
    const safe = webUrl(place.url);
    if (safe === null) {
      this.image.remove();
      this.#settle("none");
      return;
    }
    if (!this.image.isConnected) this.root.prepend(this.image);
    if (this.root.dataset.picture !== "shown") this.#settle("loading");
    this.image.src = this.small ? smallForm(safe) : safe;
  }

  /** Say something in the place of a picture that there is not. @param {...any} children */
  say(...children) {
    if (this.root.dataset.picture === "none") fill(this.note, ...children);
  }

  #failed() {
    const { url, expiresAt, source } = this.place;
    if (url === null) return;
    if (this.image.src !== url && this.image.src !== URL.parse(url, location.href)?.href) {
      this.image.src = url; // there is no small form of it after all
      return;
    }
    this.gone ||= source !== undefined;
    if (source && webUrl(source.url)) {
      this.#load(source);
      this.moved();
      return;
    }
    this.#settle("missing");
    const why = source ? [] : [whyMissing(url, expiresAt)];
    fill(this.note, [...(this.gone ? [t("picture.gone")] : []), ...why].join(" · "));
  }

  /** @param {"none" | "loading" | "shown" | "missing"} state */
  #settle(state) {
    this.root.dataset.picture = state;
    this.image.title = this.gone ? t("picture.gone") : "";
    if (state === "shown" || state === "loading") fill(this.note);
  }
}
