// @ts-check
/**
 * The tasks of a wall: those that match a filter, the newest tracked first, as far as they were
 * read. What happens changes them in place; new ones are counted, and let in when asked for.
 */

import { get } from "./api.js";
import { plain } from "./dom.js";
import { placeOf } from "./picture.js";

/** @typedef {import("../types").Task} Task */
/** @typedef {{status: string, upstream: string, q: string}} Filter */
/**
 * What a card shows of a task, and no more: thousands of these are kept.
 * @typedef {Pick<Task, "id" | "upstream" | "sequence" | "status" | "progress" | "action" | "prompt"
 *   | "failReason" | "trackedAt" | "active"> & {key: string, picture: import("./picture.js").Place}} Row
 */

const PAGE = 100;
const EXCERPT = 240;

/** @param {{upstream: string, id: string}} task */
const keyOf = (task) => `${task.upstream}:${task.id}`;

/** @param {any} data A task of a list, or an event's `data`. @returns {Row} */
function rowOf(data) {
  return {
    key: keyOf(data),
    id: data.id,
    upstream: data.upstream,
    sequence: data.sequence,
    status: data.status,
    progress: data.progress,
    action: data.action,
    prompt: data.prompt === null ? null : plain(data.prompt, EXCERPT),
    failReason: data.failReason === null ? null : plain(data.failReason, EXCERPT),
    picture: placeOf(data),
    trackedAt: data.trackedAt,
    active: data.active,
  };
}

export class Tasks {
  /** @param {Filter} filter */
  constructor(filter) {
    this.filter = filter;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Map<string, Row>} */
    this.byKey = new Map();
    /** @type {Set<string>} Tasks that are not in `rows`, for they are newer. */
    this.waiting = new Set();
    /** @type {string | null} */
    this.next = null;
    this.loaded = false;
    this.loading = false;
    /** @type {import("./stream.js").Happening[] | null} What happens while the list is read. */
    this.meanwhile = null;
  }

  /**
   * Read the newest page; what was read before stays below it, unless there is a gap. What happens
   * meanwhile is taken in again afterwards: the page may be older than that.
   */
  async refresh() {
    /** @type {import("./stream.js").Happening[]} */
    const meanwhile = [];
    this.meanwhile = meanwhile;
    try {
      const page = await this.#page(null);
      if (this.meanwhile === meanwhile) this.#take(page);
    } finally {
      if (this.meanwhile === meanwhile) this.meanwhile = null; // else a later reading goes on
    }
    for (const event of meanwhile) this.apply(event);
  }

  /** @param {import("../types").Page<Task>} page */
  #take(page) {
    const rows = page.items.map(rowOf);
    const fresh = new Set(rows.map((row) => row.key));
    const joins = this.rows.length > 0 && this.rows.some((row) => fresh.has(row.key)) && page.next !== null;
    const older = joins ? this.rows.slice(this.#lastOf(fresh) + 1).filter((row) => !fresh.has(row.key)) : [];
    if (!joins) this.next = page.next;
    this.rows = [...rows, ...older];
    this.byKey = new Map(this.rows.map((row) => [row.key, row]));
    this.waiting.clear();
    this.loaded = true;
  }

  /** Read the next page, if there is one. @returns {Promise<boolean>} Whether there was. */
  async more() {
    if (this.loading || this.next === null) return false;
    this.loading = true;
    try {
      const page = await this.#page(this.next);
      for (const row of page.items.map(rowOf)) {
        if (this.byKey.has(row.key)) continue;
        this.byKey.set(row.key, row);
        this.rows.push(row);
      }
      this.next = page.next;
      return true;
    } finally {
      this.loading = false;
    }
  }

  /**
   * Take in what happened.
   *
   * @param {import("./stream.js").Happening} event
   * @returns {Row | "waiting" | null} The row that changed; `"waiting"` if there is a new task.
   */
  apply({ type, data }) {
    const body = data?.data;
    this.meanwhile?.push({ type, data });
    if (!type.startsWith("task.") || typeof body?.id !== "string") return null;
    const status = type === "task.lost" ? "LOST" : body.status;
    const row = this.byKey.get(keyOf(body));
    if (!row) return this.#isNew(body, status) ? "waiting" : null;
    if (body.sequence <= row.sequence) return null;
    const ended = ["SUCCESS", "FAILURE", "CANCEL", "LOST"].includes(status);
    Object.assign(row, { ...rowOf(body), status, trackedAt: row.trackedAt, active: row.active && !ended });
    return row;
  }

  /** @param {any} body @param {string | null} status */
  #isNew(body, status) {
    const { filter } = this;
    if (filter.upstream && filter.upstream !== body.upstream) return false;
    const text = `${body.id} ${body.prompt ?? ""}`.toLowerCase();
    if (!filter.q.toLowerCase().split(/\s+/).every((word) => text.includes(word))) return false;
    const arrived = filter.status ? status === filter.status && body.previousStatus !== status : body.sequence === 1;
    if (arrived) this.waiting.add(keyOf(body));
    return arrived;
  }

  /** @param {string | null} cursor @returns {Promise<import("../types").Page<Task>>} */
  #page(cursor) {
    return get("/tasks", { ...this.filter, cursor, limit: PAGE });
  }

  /** @param {Set<string>} keys */
  #lastOf(keys) {
    return this.rows.findLastIndex((row) => keys.has(row.key));
  }
}
