// @ts-check
/**
 * One connection to the event stream, kept alive.
 *
 * `fetch` and not `EventSource`: that one hides the comments by which a dead socket is told from
 * a quiet one, and answers a 401 by asking for ever.
 */

import { feed } from "./api.js";

/** @typedef {{id: string | null, type: string, data: string}} Message */
/** @typedef {"connecting" | "live" | "reconnecting" | "signed-out"} StreamState */

/** The bridge sends something every 15 s; after two silent rounds the socket is dead. */
const SILENCE = 40_000;
/** Before the first new try after a connection that worked, and at most; each with some chance. */
const PAUSE = { first: 500, growth: 1.5, longest: 30_000 };

/**
 * Read the stream until *signal* ends it, and connect again whenever it breaks.
 *
 * @param {object} options
 * @param {() => string | null} options.position Where to go on; asked at every connection.
 * @param {(message: Message) => void} options.onMessage
 * @param {() => void} options.onBeat Called for every sign of life.
 * @param {(state: StreamState) => void} options.onState
 * @param {AbortSignal} options.signal
 */
export async function follow({ position, onMessage, onBeat, onState, signal }) {
  let pause = PAUSE.first;
  const change = (/** @type {StreamState} */ state) => {
    if (state === "live") pause = PAUSE.first;
    onState(state);
  };
  change("connecting");
  while (!signal.aborted) {
    try {
      if ((await connect({ position, onMessage, onBeat, onState: change, signal })) === "signed-out") {
        change("signed-out");
        return;
      }
    } catch {
      // A broken connection is the normal end of one; the pause below is all that follows.
    }
    if (signal.aborted) return;
    change("reconnecting");
    await sleep(pause * (0.5 + Math.random()), signal);
    pause = Math.min(pause * PAUSE.growth, PAUSE.longest);
  }
}

/** @param {Parameters<typeof follow>[0]} options */
async function connect({ position, onMessage, onBeat, onState, signal }) {
  const dead = new AbortController();
  let heard = Date.now();
  const watchdog = setInterval(() => Date.now() - heard > SILENCE && dead.abort(), 5000);
  const beat = () => {
    heard = Date.now();
    onBeat();
  };
  try {
    const after = position();
    const query = new URLSearchParams({ deliveries: "true", ...(after ? { after } : {}) });
    const response = await fetch(`/api/v1/stream?${query}`, {
      headers: { accept: "text/event-stream" },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.any([signal, dead.signal]),
    });
    if (response.status === 401) return "signed-out";
    if (!response.ok || !response.body) return "broken";
    feed.position ??= response.headers.get("x-feed-position");
    onState("live");
    beat();
    await read(/** @type {ReadableStream<BufferSource>} */ (response.body), onMessage, beat);
    return "ended";
  } finally {
    clearInterval(watchdog);
    dead.abort();
  }
}

/**
 * Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @param {ReadableStream<BufferSource>} body
 * @param {(message: Message) => void} onMessage
 * @param {() => void} beat
 */
async function read(body, onMessage, beat) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let message = { id: /** @type {string | null} */ (null), type: "message", data: "" };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    beat();
    const lines = (rest + value).split(/\r\n|\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (message.data || message.type !== "message") onMessage(message);
        message = { id: null, type: "message", data: "" };
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const name = colon < 0 ? line : line.slice(0, colon);
      const field = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "id") message.id = field;
      else if (name === "event") message.type = field;
      else if (name === "data") message.data += message.data ? `\n${field}` : field;
    }
  }
}

/** @param {number} ms @param {AbortSignal} signal */
function sleep(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done(undefined);
    });
  });
}
