// The headline numbers, FFF and dense beside each other.

import { quantile } from "./exposition.js";
import { duration, element, number, plural } from "./text.js";

const PAIRED = [
  ["Rows a second", (history, side) => number(history.rate(side))],
  ["Request, median", (history, side) => duration(quantile(history.histogram(side, "request"), 0.5))],
  ["Request, 99 %", (history, side) => duration(quantile(history.histogram(side, "request"), 0.99))],
  ["Compute a row", (history, side) => {
    const rows = history.histogram(side, "batch").sum;
    return duration(rows > 0 ? history.histogram(side, "compute").sum / rows : NaN);
  }],
  ["Rows a batch", (history, side) => {
    const { sum, total } = history.histogram(side, "batch");
    return number(total > 0 ? sum / total : NaN);
  }],
  ["Rows waiting", (history, side) => number(history.last[side].queued)],
];

function pairedTile([title, value], history) {
  const side = (name, key) => element("dd", { class: name },
    element("small", {}, name), history.last[key] ? value(history, key) : "–");
  return element("div", { class: "tile" }, element("dt", {}, title),
    side("FFF", "fff"), side("dense", "dense"));
}

function singleTile(title, value, note) {
  return element("div", { class: "tile" }, element("dt", {}, title),
    element("dd", {}, value), element("dd", { class: "note" }, note));
}

/** "within noise (0.034)", or why there is no drift. */
function driftNote({ drift_js: drift, drift_noise_js: noise, window_rows: rows }) {
  if (drift === null || drift === undefined) return "no reference distribution in the manifest";
  if (!rows) return "no rows yet";
  const behind = `${plural(rows, "row")} behind it`;
  if (!Number.isFinite(noise)) return behind;
  return `${drift > noise ? "beyond chance" : "within chance"} (${number(noise, 2)}), ${behind}`;
}

export function drawTiles(host, history) {
  const { leaves } = history.last;
  host.replaceChildren(
    ...PAIRED.map((paired) => pairedTile(paired, history)),
    singleTile("Routing drift", leaves.window_rows ? number(leaves.drift_js ?? NaN, 2) : "–",
      driftNote(leaves)),
    singleTile("Dead leaves",
      leaves.window_rows ? `${number(leaves.dead.length)} of ${number(leaves.leaves)}` : "–",
      leaves.window_rows ? `in the last ${plural(leaves.window_rows, "row")}` : "no rows yet"));
}
