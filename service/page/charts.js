// Everything that is drawn again after each poll: tiles, tree, heat map, histograms and lines.

import { byId, setText } from "./dom.js";
import { formatCount, formatDuration, formatNumber } from "./format.js";
import { HeatMap } from "./heatmap.js";
import { drawHistogramChart } from "./histogram_chart.js";
import { MAX_SHOWN_LEAVES } from "./leaves.js";
import { drawLineChart } from "./line_chart.js";
import { drawTiles } from "./tiles.js";
import { Tree } from "./tree.js";

const NO_ROWS_YET = "No rows yet.";
const NO_RECENT_ROWS = "No rows in the last minute.";

export class Charts {
  constructor() {
    this.heatMap = new HeatMap(byId("heat"), byId("heat-readout"));
    this.tree = new Tree(byId("tree"), byId("tree-readout"));
    this.hints = { rows: "", predictions: "" };  // what would fill an empty chart
  }

  /** Draw a history of one snapshot or more. */
  draw(history) {
    const intervals = history.intervals();
    drawTiles(byId("tiles"), history);
    this.drawTree(history.leaves);
    this.drawHeatMap(history.last.atS, history.leaves, intervals);
    drawHistograms(history, this.hints);
    drawRates(history, intervals);
    drawDrift(history, this.hints);
  }

  drawTree({ shares, leaves: leafCount, window_rows: rows, unit }) {
    this.tree.draw(shares, leafCount, rows, unit);
    const shown = leafCount > MAX_SHOWN_LEAVES ? "; the top 6 levels. " : ".";
    setText(byId("tree-note"), rows
      ? `Branches are as thick as their share of the last ${formatCount(rows, unit)}${shown}`
      : `${NO_ROWS_YET} ${this.hints.rows}`);
  }

  drawHeatMap(atS, { leaves: leafCount, unit }, intervals) {
    const size = Math.max(1, leafCount / MAX_SHOWN_LEAVES);
    const what = size > 1 ? `group of ${formatNumber(size)} neighbouring leaves` : "leaf";
    setText(byId("heat-note"), `Share of each ${what} in the ${unit}s of its moment; leaf 0 on `
      + `top, leaf ${formatNumber(leafCount - 1)} at the bottom.`);
    this.heatMap.draw(intervals, atS, { leafCount, unit },
      `${NO_RECENT_ROWS.replace("minute", "2 minutes")} ${this.hints.rows}`);
  }
}

/**
 * What fills the charts of a model; `image` is what can be drawn for it, or null. What is drawn is
 * explained, and explanations are counted apart from predictions.
 */
export function trafficHints(name, image) {
  const send = `Send rows to v1/models/${encodeURIComponent(name)}/predict`;
  return { rows: image ? `${send}, or draw ${image}.` : `${send}.`, predictions: `${send}.` };
}

function drawHistograms(history, hints) {
  const formats = { request: formatDuration, compute: formatDuration, batch: formatNumber };
  for (const [name, format] of Object.entries(formats)) {
    const histograms = ["fff", "dense"].map(
      (kind) => (history.last[kind] ? history.histogram(kind, name) : null));
    drawHistogramChart(byId(name), histograms, history.labels, format, name === "request"
      ? `No predictions in the last minute. ${hints.predictions}`
      : `${NO_RECENT_ROWS} ${hints.rows}`);
  }
}

function drawRates({ last: { atS, dense }, labels }, intervals) {
  const line = (name, kind) => ({
    name: labels[kind],
    class: name,
    points: intervals.map(({ toS, rowRate }) => ({ atS: toS, value: rowRate[kind] })),
  });
  const lines = [line("FFF", "fff"), ...(dense ? [line("dense", "dense")] : [])];
  drawLineChart(byId("rate"), lines, {
    nowS: atS, format: formatNumber, minTop: 10, emptyText: "Reading …" });
}

function drawDrift(history, hints) {
  const points = (gauge) => history.snapshots.map((snapshot) => {
    const leaves = history.leavesOf(snapshot);
    return { atS: snapshot.atS, value: (leaves.window_rows ? leaves[gauge] : null) ?? null };
  });
  const lines = [
    { name: "drift", class: "FFF", points: points("drift_js") },
    { name: "what chance alone reaches", class: "noise", points: points("drift_noise_js") },
  ];
  drawLineChart(byId("drift"), lines, {
    nowS: history.last.atS, format: (value) => formatNumber(value, 2), minTop: 0.1,
    emptyText: history.leaves.drift_js === null
      ? "The manifest has no reference distribution to drift from."
      : `${NO_ROWS_YET} ${hints.rows}` });
}
