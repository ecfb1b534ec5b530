// Leaf utilisation over time: leaves from top to bottom, time from left to right.

import { colourLegend, leafColour } from "./colour_scale.js";
import { element, setText, showEmpty, svgElement } from "./dom.js";
import { formatCount, formatNumber, formatPercent } from "./format.js";
import { SPAN_S } from "./history.js";
import { MAX_SHOWN_LEAVES, leafName } from "./leaves.js";
import { timeMarks } from "./time_axis.js";

const HEIGHT = 256;      // px; 64 rows of 4
const MIN_HEIGHT = 64;   // px
const MIN_AGO_S = 0.5;   // the cursor's right-most place
const KEY_STEPS = {      // seconds back, leaves down
  ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A canvas in `host`; the cell under the cursor is told in `readout`. */
export class HeatMap {
  constructor(host, readout) {
    this.host = host;
    this.readout = readout;
    this.intervals = [];
    this.cursor = null;  // {agoS, leaf} that the readout tells of
    this.canvas = element("canvas", { tabindex: "0", role: "img" });
    this.axis = svgElement("svg", { class: "heat-axis", height: 18, "aria-hidden": "true" });
    this.legend = element("p", { class: "legend" });
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => this.onPointer(event));
    canvas.addEventListener("pointerdown", (event) => this.onPointer(event));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener("pointerleave", () => this.moveCursor(null));
    canvas.addEventListener("blur", () => this.moveCursor(null));
  }

  /** Draw `History.intervals` up to `nowS`, in a layer of `leafCount` leaves, given `unit`s. */
  draw(intervals, nowS, { leafCount, unit }, emptyText) {
    this.intervals = intervals.filter((interval) => interval.rows > 0);
    this.nowS = nowS;
    this.leafCount = leafCount;
    this.unit = unit;
    this.shownCount = Math.min(leafCount, MAX_SHOWN_LEAVES);
    if (this.intervals.length === 0) {
      this.legend.replaceChildren();
      showEmpty(this.host, emptyText);
      return;
    }
    if (!this.canvas.isConnected) this.host.replaceChildren(this.canvas, this.axis, this.legend);
    this.drawCells();
    this.drawAxis();
    this.describe();
    this.showReadout();
  }

  drawCells() {
    const ratio = devicePixelRatio || 1;
    const height = Math.max(HEIGHT - HEIGHT % this.shownCount, MIN_HEIGHT);
    this.canvas.width = Math.round(this.host.clientWidth * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    for (const interval of this.intervals) this.drawInterval(context, interval);
  }

  drawInterval(context, interval) {
    const left = Math.floor(this.x(interval.fromS)), right = Math.floor(this.x(interval.toS));
    const rowHeight = this.canvas.height / this.shownCount;
    interval.rowsPerLeaf.forEach((rows, leaf) => {
      context.fillStyle = leafColour(rows / interval.rows, 1 / this.shownCount);
      const top = Math.round(leaf * rowHeight);
      context.fillRect(left, top, right - left, Math.round((leaf + 1) * rowHeight) - top);
    });
  }

  x(atS) {
    return this.canvas.width * (1 - (this.nowS - atS) / SPAN_S);
  }

  drawAxis() {
    const width = this.host.clientWidth;
    this.axis.setAttribute("width", width);
    this.axis.replaceChildren(...timeMarks(width, 0));
    this.legend.replaceChildren(colourLegend(this.shownCount));
  }

  describe() {
    const rows = this.intervals.reduce((sum, interval) => sum + interval.rows, 0);
    const leaves = formatCount(this.shownCount, "leaf", "leaves");
    this.canvas.setAttribute("aria-label",
      `Heat map of ${leaves} over ${formatCount(rows, this.unit)}; arrow keys read it cell by `
      + "cell");
  }

  onPointer(event) {
    const box = this.canvas.getBoundingClientRect();
    this.moveCursor({
      agoS: SPAN_S * (1 - (event.clientX - box.left) / box.width),
      leaf: Math.floor((event.clientY - box.top) / box.height * this.shownCount),
    });
  }

  onKey(event) {
    const step = KEY_STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const { agoS, leaf } = this.cursor ?? { agoS: MIN_AGO_S, leaf: 0 };
    this.moveCursor({
      agoS: Math.max(MIN_AGO_S, Math.min(SPAN_S, agoS + step[0])),
      leaf: Math.max(0, Math.min(this.shownCount - 1, leaf + step[1])),
    });
  }

  moveCursor(cursor) {
    this.cursor = cursor;
    this.showReadout();
  }

  showReadout() {
    setText(this.readout, this.cursor ? this.cellText(this.cursor) : "");
  }

  cellText({ agoS, leaf }) {
    const atS = this.nowS - agoS;
    const when = `${formatCount(Math.round(agoS), "second")} ago`;
    const interval = this.intervals.find(({ fromS, toS }) => fromS <= atS && atS <= toS);
    if (!interval) return `${when}: no ${this.unit}s`;
    const rows = interval.rowsPerLeaf[leaf];
    return `${leafName(leaf, this.shownCount, this.leafCount)}, ${when}: ${formatNumber(rows)} of `
      + `${formatCount(interval.rows, this.unit)}, ${formatPercent(rows / interval.rows)}`;
  }
}
