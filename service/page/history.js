// The readings of the last minutes: every live number is a difference of two of them.

import { between } from "./exposition.js";

export const SPAN_S = 120;    // what the charts over time show
const WINDOW_S = 60;   // what quantiles, histograms and means look back over
const RATE_S = 3.5;    // what "now" looks back over: two readings
export const SHOWN_LEAVES = 64;  // more are folded into subtrees: a row of the heat map stays 4 px high

/** Sums of neighbours, so that at most SHOWN_LEAVES are left: each sum is one subtree. */
export function folded(perLeaf) {
  const together = Math.max(1, perLeaf.length / SHOWN_LEAVES);
  const sums = new Array(perLeaf.length / together).fill(0);
  perLeaf.forEach((value, leaf) => { sums[Math.floor(leaf / together)] += value; });
  return sums;
}

/** Shares of all nodes in heap order, from those of the leaves. */
export function nodeShares(leafShares) {
  const leaves = leafShares.length;
  const shares = [...new Array(leaves - 1).fill(0), ...leafShares];
  for (let node = leaves - 2; node >= 0; node -= 1) {
    shares[node] = shares[2 * node + 1] + shares[2 * node + 2];
  }
  return shares;
}

export class History {
  constructor() {
    this.points = [];
  }

  /** A point: {at, started, fff, dense, leaves}; `at` in seconds. */
  add(point) {
    const last = this.points.at(-1);
    const restarted = last && (last.started !== point.started || last.fff.rows > point.fff.rows);
    if (restarted) this.points = [];
    this.points.push(point);
    while (this.points[1] && this.points[1].at < point.at - SPAN_S) this.points.shift();
  }

  get last() {
    return this.points.at(-1);
  }

  /** The reading that many seconds ago, or the oldest there is. */
  ago(seconds) {
    const then = this.last.at - seconds;
    return this.points.findLast((point) => point.at <= then) ?? this.points[0];
  }

  /** A side's histogram of the last WINDOW_S. */
  histogram(side, name) {
    return between(this.ago(WINDOW_S)[side][name], this.last[side][name]);
  }

  /** Rows a second now. */
  rate(side) {
    const before = this.ago(RATE_S);
    return (this.last[side].rows - before[side].rows) / (this.last.at - before.at);
  }

  /** From each point to the next: {from, to, fff, dense} in rows a second, and rows a leaf. */
  intervals() {
    return this.points.slice(1).map((point, k) => {
      const before = this.points[k];
      const seconds = point.at - before.at;
      const perLeaf = point.leaves.rows.map((rows, leaf) => rows - before.leaves.rows[leaf]);
      return {
        from: before.at,
        to: point.at,
        fff: (point.fff.rows - before.fff.rows) / seconds,
        dense: point.dense ? (point.dense.rows - before.dense.rows) / seconds : null,
        perLeaf,
        rows: perLeaf.reduce((sum, rows) => sum + rows, 0),
      };
    });
  }
}
