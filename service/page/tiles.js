// The headline numbers, FFF and baseline beside each other.

import { deadLeavesNote } from "./dead_leaves.js";
import { element } from "./dom.js";
import { formatCount, formatDuration, formatNumber } from "./format.js";
import { quantile } from "./histogram.js";

const PAIRED = {
  "Rows a second": (history, kind) => formatNumber(history.rowRate(kind)),
  "Request, median": (history, kind) => requestQuantile(history, kind, 0.5),
  "Request, 99 %": (history, kind) => requestQuantile(history, kind, 0.99),
  "Compute a row": (history, kind) => formatDuration(
    ratio(history.histogram(kind, "compute").sum, history.histogram(kind, "batch").sum)),
  "Rows a batch": (history, kind) => {
    const { sum, total } = history.histogram(kind, "batch");
    return formatNumber(ratio(sum, total));
  },
  "Rows waiting": (history, kind) => formatNumber(history.last[kind].queued),
};

function requestQuantile(history, kind, q) {
  return formatDuration(quantile(history.histogram(kind, "request"), q));
}

function ratio(sum, count) {
  return count > 0 ? sum / count : NaN;
}

export function drawTiles(host, history) {
  const { leaves } = history;
  host.replaceChildren(
    ...Object.entries(PAIRED).map(([title, value]) => pairedTile(title, value, history)),
    driftTile(leaves), deadLeavesTile(leaves));
}

function pairedTile(title, value, history) {
  const row = (name, kind) => element("dd", { class: name },
    element("small", {}, history.labels[kind]), history.last[kind] ? value(history, kind) : "–");
  return element("div", { class: "tile" }, element("dt", {}, title),
    row("FFF", "fff"), row("dense", "dense"));
}

function singleTile(title, value, note) {
  return element("div", { class: "tile" }, element("dt", {}, title),
    element("dd", {}, value), element("dd", { class: "note" }, note));
}

function driftTile(leaves) {
  const value = leaves.window_rows ? formatNumber(leaves.drift_js ?? NaN, 2) : "–";
  return singleTile("Routing drift", value, driftNote(leaves));
}

/** "within chance (0.034), 900 rows behind it", or why there is no drift. */
function driftNote({ drift_js: drift, drift_noise_js: noise, window_rows: rows, unit }) {
  if (drift === null || drift === undefined) return "no reference distribution in the manifest";
  if (!rows) return `no ${unit}s yet`;
  const behind = `${formatCount(rows, unit)} behind it`;
  if (!Number.isFinite(noise)) return behind;
  const verdict = drift > noise ? "beyond chance" : "within chance";
  return `${verdict} (${formatNumber(noise, 2)}), ${behind}`;
}

function deadLeavesTile(leaves) {
  const { dead, leaves: leafCount, window_rows: rows } = leaves;
  const value = rows ? `${formatNumber(dead.length)} of ${formatNumber(leafCount)}` : "–";
  return singleTile("Dead leaves", value, deadLeavesNote(leaves));
}
