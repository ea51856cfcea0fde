// @ts-check
/** Attempts of the last 24 hours as bars: what arrived upwards, what failed below. */

import { svg } from "./dom.js";
import { t } from "./text.js";

/** Bars in a line; the slots that the API gives (five minutes each) are put together. */
const BARS = 48;

/**
 * @param {{at: string, ok: number, failed: number}[]} history Oldest first; slots without an attempt may be missing.
 * @param {number} [now]
 */
export function sparkline(history, now = Date.now()) {
  const bars = Array.from({ length: BARS }, () => ({ ok: 0, failed: 0 }));
  const width = 86_400_000 / BARS;
  for (const slot of history) {
    const bar = bars[BARS - 1 - Math.floor((now - Date.parse(slot.at)) / width)];
    if (!bar) continue;
    bar.ok += slot.ok;
    bar.failed += slot.failed;
  }
  const most = Math.max(1, ...bars.map((bar) => Math.max(bar.ok, bar.failed * 2)));
  const ok = bars.reduce((sum, bar) => sum + bar.ok, 0);
  const failed = bars.reduce((sum, bar) => sum + bar.failed, 0);
  // The root keeps small numbers visible beside large ones.
  const height = (/** @type {number} */ value, /** @type {number} */ room) => (value ? Math.max(1.5, Math.sqrt(value / most) * room) : 0);
  return svg("svg", { class: "spark", viewBox: `0 0 ${BARS * 5} 40`, preserveAspectRatio: "none", role: "img", "aria-label": t("spark", { ok, failed }) },
    svg("line", { x1: 0, x2: BARS * 5, y1: 26.5, y2: 26.5 }),
    ...bars.flatMap((bar, index) => [
      bar.ok ? svg("rect", { class: "ok", x: index * 5 + 0.5, width: 4, y: 26 - height(bar.ok, 26), height: height(bar.ok, 26), rx: 1 }) : null,
      bar.failed ? svg("rect", { class: "failed", x: index * 5 + 0.5, width: 4, y: 27, height: height(bar.failed, 13), rx: 1 }) : null,
    ]));
}
