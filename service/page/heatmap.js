// Leaf utilization: time from left to right, leaves from top to bottom, colour the share.

import { heatCss, heatLegend } from "./colours.js";
import { empty } from "./histogram.js";
import { SHOWN_LEAVES, SPAN_S } from "./history.js";
import { timeMarks } from "./lines.js";
import { element, number, percent, plural, say, shape } from "./text.js";

const HEAT_HEIGHT = 256;  // px; 64 rows of 4

export class HeatMap {
  constructor(host, readout) {
    this.host = host;
    this.readout = readout;
    this.intervals = [];
    this.cursor = null;  // {ago seconds, leaf} that the readout speaks of
    this.canvas = element("canvas", { tabindex: "0", role: "img" });
    this.axis = shape("svg", { class: "heat-axis", height: 18, "aria-hidden": "true" });
    this.legend = element("p", { class: "legend" });
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    for (const leave of ["pointerleave", "blur"]) {
      this.canvas.addEventListener(leave, () => { this.cursor = null; this.speak(); });
    }
  }

  /** Draw what `History.intervals` gives; `leaves` is the layer's own number of them. */
  draw(intervals, now, leaves, emptyText) {
    this.intervals = intervals.filter((interval) => interval.rows > 0);
    this.now = now;
    this.leaves = leaves;
    this.shown = Math.min(leaves, SHOWN_LEAVES);
    if (this.intervals.length === 0) {
      this.legend.replaceChildren();
      return empty(this.host, emptyText);
    }
    if (!this.canvas.isConnected) this.host.replaceChildren(this.canvas, this.axis, this.legend);
    this.paint();
    const width = this.host.clientWidth;
    this.axis.setAttribute("width", width);
    this.axis.replaceChildren(...timeMarks(width, 0));
    this.legend.replaceChildren(heatLegend(this.shown));
    const rows = this.intervals.reduce((sum, interval) => sum + interval.rows, 0);
    this.canvas.setAttribute("aria-label", `Heat map of ${plural(this.shown, "leaf", "leaves")} `
      + `over ${plural(rows, "row")}; arrow keys read it cell by cell`);
    this.speak();
    return undefined;
  }

  paint() {
    const width = this.host.clientWidth, ratio = devicePixelRatio || 1;
    const height = Math.max(HEAT_HEIGHT - HEAT_HEIGHT % this.shown, 64);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    const tall = this.canvas.height / this.shown;
    for (const interval of this.intervals) {
      const left = Math.floor(this.x(interval.from)), right = Math.floor(this.x(interval.to));
      interval.perLeaf.forEach((rows, leaf) => {
        context.fillStyle = heatCss(rows / interval.rows, 1 / this.shown);
        const y = Math.round(leaf * tall);
        context.fillRect(left, y, right - left, Math.round((leaf + 1) * tall) - y);
      });
    }
  }

  x(at) {
    return this.canvas.width * (1 - (this.now - at) / SPAN_S);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    this.cursor = {
      ago: SPAN_S * (1 - (event.clientX - box.left) / box.width),
      leaf: Math.floor((event.clientY - box.top) / box.height * this.shown),
    };
    this.speak();
  }

  key(event) {
    const moves = {
      ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!moves[event.key]) return;
    event.preventDefault();
    const [back, down] = moves[event.key];
    const was = this.cursor ?? { ago: 0.5, leaf: 0 };
    this.cursor = {
      ago: Math.max(0.5, Math.min(SPAN_S, was.ago + back)),
      leaf: Math.max(0, Math.min(this.shown - 1, was.leaf + down)),
    };
    this.speak();
  }

  speak() {
    if (!this.cursor) return say(this.readout, "");
    const { ago, leaf } = this.cursor;
    const at = this.now - ago;
    const found = this.intervals.find((interval) => interval.from <= at && at <= interval.to);
    const when = `${plural(Math.round(ago), "second")} ago`;
    return say(this.readout, found === undefined ? `${when}: no rows`
      : `${leavesName(leaf, this.shown, this.leaves)}, ${when}: ${number(found.perLeaf[leaf])} of `
        + `${plural(found.rows, "row")}, ${percent(found.perLeaf[leaf] / found.rows)}`);
  }
}

/** "leaf 6", or "leaves 512 to 1,023" where some are shown as one. */
export function leavesName(shownLeaf, shown, leaves) {
  const together = leaves / shown;
  const first = shownLeaf * together;
  return together === 1 ? `leaf ${shownLeaf}`
    : `leaves ${number(first)} to ${number(first + together - 1)}`;
}
