// @ts-check
/** What the dashboard says, in the page's language: strings, times, durations and numbers. */

import { plain } from "./dom.js";

/** @type {{[key: string]: string}} */
let catalog = {};

export const language = document.documentElement.lang || "en";
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);
const relative = new Intl.RelativeTimeFormat(language, { style: "narrow", numeric: "auto" });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });

/** @param {{[key: string]: string}} strings */
export function useCatalog(strings) {
  catalog = strings;
}

/**
 * Return a string of the catalog; `{name}` in it is replaced. With a `count`, the plural form of
 * the language is taken: `key.one`, `key.other`.
 *
 * @param {string} key
 * @param {{[name: string]: string | number}} [values]
 */
export function t(key, values = {}) {
  const form = "count" in values ? `${key}.${plurals.select(Number(values.count))}` : key;
  const text = catalog[form] ?? catalog[`${key}.other`] ?? catalog[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (found, name) =>
    name in values ? (typeof values[name] === "number" ? number(values[name]) : String(values[name])) : found,
  );
}

/** @param {string} key */
export function has(key) {
  return key in catalog;
}

/** @param {number} value */
export function number(value) {
  return numbers.format(value);
}

/** Return a time of day, with the date unless it is today. @param {string} iso */
export function time(iso) {
  const at = new Date(iso);
  const today = new Date().toDateString() === at.toDateString();
  return today ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

/** Return a time of day to a tenth of a second. @param {string} iso */
export function exactTime(iso) {
  return `${time(iso)}.${Math.floor(new Date(iso).getMilliseconds() / 100)}`;
}

/** Return a time in full, with its offset from UTC. @param {string} iso */
export function fullTime(iso) {
  return full.format(new Date(iso));
}

/** Return how long ago a time was (or how far away), to one unit. @param {string} iso */
export function age(iso) {
  const seconds = (new Date(iso).getTime() - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 10) return t("now");
  if (size < 60) return relative.format(Math.trunc(seconds / 10) * 10, "second");
  if (size < 3600) return relative.format(Math.trunc(seconds / 60), "minute");
  if (size < 86400) return relative.format(Math.trunc(seconds / 3600), "hour");
  return relative.format(Math.trunc(seconds / 86400), "day");
}

/** Return a length of time: `350 ms`, `1.1 s`, `12 s`, `3 min`, `2.5 h`. @param {number} seconds */
export function duration(seconds) {
  const size = Math.abs(seconds);
  const [value, unit] =
    size < 0.9995 ? [Math.round(seconds * 1000), "ms"]
    : size < 10 ? [Math.round(seconds * 10) / 10, "s"]
    : size < 120 ? [Math.round(seconds), "s"]
    : size < 7200 ? [Math.round(seconds / 60), "min"]
    : size < 172800 ? [Math.round(seconds / 360) / 10, "h"]
    : [Math.round(seconds / 86400), "d"];
  return `${numbers.format(Number(value))}\u00a0${t(`unit.${unit}`)}`;
}

/** Return how long something has lasted. @param {string} since */
export function elapsed(since) {
  return duration(Math.max(0, Date.now() - Date.parse(since)) / 1000);
}

/** Return a task's status in words. @param {string | null} status */
export function statusName(status) {
  return t(`status.${status ?? "none"}`);
}

/** Return what a task does (IMAGINE, UPSCALE, …) in words. @param {string | null} action */
export function actionName(action) {
  if (!action) return t("task");
  return has(`action.${action}`) ? t(`action.${action}`) : plain(action.replaceAll("_", " ").toLowerCase(), 60);
}
