// The snapshots of the last minutes: every live number is a difference of two of them.

import { histogramBetween } from "./histogram.js";

export const SPAN_S = 120;  // what the charts over time show
const WINDOW_S = 60;        // what quantiles, histograms and means look back over
const RATE_S = 3.5;         // what a rate "now" looks back over: two snapshots

/**
 * Snapshots are those of `fetchSnapshot`; the two networks are "fff" and "dense", as the latter of
 * which a baseline of any kind is kept. `dense` is what the page calls it. Of several layers one
 * is looked at, `layer`.
 */
export class History {
  constructor(dense = "dense") {
    this.labels = { fff: "FFF", dense };
    this.snapshots = [];
    this.layer = 0;
  }

  /** Add the newest; counters that a restart reset begin a new history. */
  add(snapshot) {
    const { last } = this;
    const restarted = last
      && (last.startedS !== snapshot.startedS || last.fff.rows > snapshot.fff.rows);
    if (restarted) this.snapshots = [];
    this.snapshots.push(snapshot);
    while (this.snapshots[1] && this.snapshots[1].atS < snapshot.atS - SPAN_S) {
      this.snapshots.shift();
    }
  }

  get last() {
    return this.snapshots.at(-1);
  }

  /** The leaves of the layer that is looked at. */
  leavesOf(snapshot) {
    return snapshot.layers[this.layer];
  }

  get leaves() {
    return this.leavesOf(this.last);
  }

  /** The snapshot that many seconds ago, or the oldest there is. */
  ago(seconds) {
    const atS = this.last.atS - seconds;
    return this.snapshots.findLast((snapshot) => snapshot.atS <= atS) ?? this.snapshots[0];
  }

  /** A network's histogram of the last WINDOW_S. */
  histogram(kind, name) {
    return histogramBetween(this.ago(WINDOW_S)[kind][name], this.last[kind][name]);
  }

  /** A network's rows a second now. */
  rowRate(kind) {
    return rowRate(this.ago(RATE_S), this.last, kind);
  }

  /** From each snapshot to the next: {fromS, toS, rowRate by kind, rows, rowsPerLeaf}. */
  intervals() {
    return this.snapshots.slice(1).map((now, k) => {
      const before = this.snapshots[k];
      const earlier = this.leavesOf(before).rows;
      const rowsPerLeaf = this.leavesOf(now).rows.map((rows, leaf) => rows - earlier[leaf]);
      return {
        fromS: before.atS,
        toS: now.atS,
        rowRate: {
          fff: rowRate(before, now, "fff"),
          dense: now.dense ? rowRate(before, now, "dense") : null,
        },
        rows: rowsPerLeaf.reduce((sum, rows) => sum + rows, 0),
        rowsPerLeaf,
      };
    });
  }
}

function rowRate(before, now, kind) {
  return (now[kind].rows - before[kind].rows) / (now.atS - before.atS);
}
