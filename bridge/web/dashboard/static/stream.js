// @ts-check
/**
 * What happens, as it happens, in every tab.
 *
 * Browsers open six connections to a site over HTTP/1.1, so the tabs share one: the tab that
 * holds the lock reads the stream and repeats it to the others. (A shared worker would be the
 * obvious way; Trusted Types `'none'` forbids to make one.) Locks exist on https and on loopback
 * only; elsewhere each tab reads for itself, and only while it is seen.
 */

import { feed } from "./api.js";
import { follow } from "./sse.js";

/** @typedef {import("./sse.js").StreamState} StreamState */
/** @typedef {{type: string, data: any}} Happening */
/** @typedef {{happened: (event: Happening) => void, reset: () => void}} Listener */

const NAME = "mjbridge-stream";
/** A hidden tab keeps this many events for its return; beyond that it reads its lists again. */
const MOST_KEPT = 1000;
/** Longer than the reader's own watchdog: by then the reading tab is frozen, and is replaced. */
const READER_GONE = 60_000;

/** @type {Set<Listener>} */
const listeners = new Set();
/** @type {Happening[]} */
let kept = [];
let missed = false;
let heard = Date.now();
/** @type {StreamState} */
let state = "connecting";
let reading = false;
let opened = false;
const channel = new BroadcastChannel(NAME);
// From the first moment on: what another tab hears while this one reads its first list counts.
channel.addEventListener("message", ({ data }) => hear(data));

/**
 * Be told of everything that happens, until the function that is returned is called. `reset`
 * means that something was missed: what is shown has to be read again.
 *
 * @param {Listener} listener
 */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const streamState = () => state;

/** Begin; to be called when the first list was read, so that no gap is between it and the stream. */
export function openStream() {
  if (opened) return;
  opened = true;
  if (feed.position === null) missed = true;
  document.addEventListener("visibilitychange", () => document.hidden || catchUp());
  if (navigator.locks) {
    lead({});
    setInterval(replaceFrozen, 10_000);
    channel.postMessage({ kind: "hello" });
  } else {
    readWhileSeen();
  }
}

/** @param {LockOptions} options */
function lead(options) {
  navigator.locks
    .request(NAME, options, () => readUntil(new AbortController()))
    .catch(() => {
      if (!reading) return readWhileSeen(); // there are no locks after all
      // Another tab took over, for this one seemed frozen: it queues up again.
      stop?.abort();
      reading = false;
      lead({});
    });
}

/** @type {AbortController | null} */
let stop = null;

/** @param {AbortController} controller */
async function readUntil(controller) {
  stop?.abort();
  stop = controller;
  reading = true;
  await follow({
    position: () => feed.position,
    onMessage: (message) => share({ kind: "message", message }),
    onBeat: () => share({ kind: "beat" }),
    onState: (now) => share({ kind: "state", state: now }),
    signal: controller.signal,
  });
}

function replaceFrozen() {
  if (reading || document.hidden || Date.now() - heard < READER_GONE) return;
  heard = Date.now();
  lead({ steal: true });
}

function readWhileSeen() {
  const start = () => {
    if (document.hidden) stop?.abort();
    else void readUntil(new AbortController());
  };
  document.addEventListener("visibilitychange", start);
  start();
}

/** @param {any} said */
function share(said) {
  channel.postMessage(said);
  hear(said);
}

/** @param {any} said */
function hear(said) {
  heard = Date.now();
  if (said.kind === "hello") {
    if (reading) channel.postMessage({ kind: "state", state });
  } else if (said.kind === "state") {
    state = said.state;
    if (state === "live" && missed && !document.hidden) catchUp();
    window.dispatchEvent(new Event("stream-state"));
  } else if (said.kind === "message") {
    take(said.message);
  }
}

/** @param {import("./sse.js").Message} message */
function take(message) {
  if (message.id) feed.position = message.id;
  if (message.type === "reset") {
    missed = true;
    if (!document.hidden) catchUp();
    return;
  }
  /** @type {Happening} */
  let event;
  try {
    event = { type: message.type, data: JSON.parse(message.data) };
  } catch {
    return;
  }
  if (!document.hidden) announce(event);
  else if (kept.length < MOST_KEPT) kept.push(event);
  else missed = true;
}

/** What a hidden tab left out: its pages change while nobody looks at them only in memory. */
function catchUp() {
  const events = missed ? [] : kept;
  const again = missed;
  kept = [];
  missed = false;
  if (again) for (const one of [...listeners]) one.reset();
  events.forEach(announce);
}

/** @param {Happening} event */
function announce(event) {
  for (const one of [...listeners]) one.happened(event);
}
