// Talking to the service: one answer, one reading of everything, and when to read again.

import { readExposition } from "./exposition.js";
import { folded } from "./history.js";

const POLL_S = 2;       // a reading costs the service 4 to 9 ms (demo pair, 2 busy cores, 2026-11-25)
export const AGAIN_S = 2;      // after a failure
const SHARE = 0.1;      // reading takes at most this share of the time, down to
const RAREST_S = 5;     // a reading this often: a service under load is slow to answer, too
export const MODELS_EVERY = 5;  // readings between two looks at what is served

export class NoAnswer extends Error {}  // no connection, or nothing within the time

/** The body of a 2xx answer; else an Error with what the service said. */
export async function answerOf(path, body) {
  const options = { signal: AbortSignal.timeout(5000), cache: "no-store" };
  if (body !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  let response, text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch (error) {
    throw new NoAnswer(`${path}: ${error.message}`);
  }
  const json = response.headers.get("content-type")?.startsWith("application/json");
  const content = json ? JSON.parse(text) : text;
  if (!response.ok) throw new Error(content.error ?? `${path} answered ${response.status}`);
  return content;
}

export const modelPath = (name) => `/v1/models/${encodeURIComponent(name)}`;

/** One reading of a pair of models: what `History.add` takes. */
export async function readPair(fff, dense) {
  const [exposition, leaves] = await Promise.all([
    answerOf("/metrics"), answerOf(`${modelPath(fff)}/leaves`)]);
  const read = readExposition(exposition, dense ? [fff, dense] : [fff]);
  const [layer] = leaves.layers;
  return {
    at: performance.now() / 1000,
    started: read.started,
    fff: read.models[fff],
    dense: dense ? read.models[dense] : null,
    leaves: { ...layer, rows: folded(layer.rows), shares: folded(layer.shares) },
  };
}

/**
 * Call `read` again and again while the page can be seen and is not paused. `read` answers true
 * where all went well.
 */
export class Poller {
  constructor(read) {
    this.read = read;
    this.paused = false;
    this.timer = null;
    this.busy = false;
    document.addEventListener("visibilitychange", () => this.wake());
  }

  get resting() {
    return this.paused || document.hidden;
  }

  /** Read now, unless a reading is under way or nobody looks. */
  async wake() {
    if (this.busy || this.resting) return;
    clearTimeout(this.timer);
    this.busy = true;
    const began = performance.now();
    const well = await this.read();
    this.busy = false;
    const tookS = (performance.now() - began) / 1000;
    const waitS = well ? Math.min(RAREST_S, Math.max(POLL_S - tookS, tookS / SHARE)) : AGAIN_S;
    this.timer = setTimeout(() => this.wake(), 1000 * waitS);
  }
}
