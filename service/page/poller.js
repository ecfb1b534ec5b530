// When to poll: steadily, rarer where the service is slow, never unseen.

const POLL_S = 2;         // costs the service 4 to 9 ms (demo pair, 2 busy cores, 2026-11-25)
const MAX_SHARE = 0.1;    // of the time that polling takes, down to
const MAX_WAIT_S = 5;     // a poll this often: a service under load is slow to answer, too
export const RETRY_S = 2; // after a failure

/** Calls `poll` again and again while the page can be seen; `poll` tells whether it went well. */
export class Poller {
  constructor(poll) {
    this.poll = poll;
    this.paused = false;
    this.timer = null;
    this.polling = false;
    document.addEventListener("visibilitychange", () => this.pollNow());
  }

  /** Poll now and go on, unless a poll is under way, the page is paused or nobody looks. */
  async pollNow() {
    if (this.polling || this.paused || document.hidden) return;
    clearTimeout(this.timer);
    this.polling = true;
    const startMs = performance.now();
    const succeeded = await this.poll();
    this.polling = false;
    const waitS = succeeded ? restS((performance.now() - startMs) / 1000) : RETRY_S;
    this.timer = setTimeout(() => this.pollNow(), 1000 * waitS);
  }
}

/** How long to wait after a poll that took so long. */
function restS(tookS) {
  return Math.min(MAX_WAIT_S, Math.max(POLL_S - tookS, tookS / MAX_SHARE));
}
