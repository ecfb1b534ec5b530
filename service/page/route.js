// A row's way down the tree: leaf and margin in a sentence, its decisions in a table to be opened.

import { element } from "./dom.js";
import { formatNumber, formatPercent } from "./format.js";

/** "Leaf 6 of 16, margin 0.2, larger than that of 40 % of rows so far." */
export function routeText({ leaf, margin, margin_rank: rank }, leafCount, unit = "row") {
  const distance = margin === null ? "no boundary to cross" : `margin ${formatNumber(margin)}`;
  const compared = rank === null || margin === null ? ""
    : `, larger than that of ${formatPercent(rank)} of ${unit}s so far`;
  return `Leaf ${leaf} of ${formatNumber(leafCount)}, ${distance}${compared}.`;
}

/** The decisions on the way, the closest one marked: open if those in `host` are. */
export function pathDetails(path, host) {
  if (!path.length) return [];
  const closest = Math.min(...path.map((step) => step.distance ?? Infinity));
  const rows = path.map((step) => element("tr",
    { class: step.distance === closest ? "closest" : null },
    element("td", {}, step.node), element("td", {}, step.right ? "right" : "left"),
    element("td", {}, step.distance === null ? "–" : formatNumber(step.distance))));
  const details = element("details", {}, element("summary", {}, "Path"),
    element("table", { class: "path" },
      tableHead(["node", "goes", "distance"]), element("tbody", {}, rows)));
  details.open = host.querySelector("details")?.open ?? false;
  return [details];
}

/** The head of a table with these columns. */
export function tableHead(names) {
  return element("thead", {},
    element("tr", {}, names.map((name) => element("th", { scope: "col" }, name))));
}
