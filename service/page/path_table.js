// The decisions on a row's way down the tree, as a table that can be opened.

import { element } from "./dom.js";
import { formatNumber } from "./format.js";

/** The decisions on the way, the closest one marked. */
export function pathDetails(path) {
  const closest = Math.min(...path.map((step) => step.distance ?? Infinity));
  const rows = path.map((step) => element("tr",
    { class: step.distance === closest ? "closest" : null },
    element("td", {}, step.node), element("td", {}, step.right ? "right" : "left"),
    element("td", {}, step.distance === null ? "–" : formatNumber(step.distance))));
  return element("details", {}, element("summary", {}, "Path"),
    element("table", { class: "path" },
      tableHead(["node", "goes", "distance"]), element("tbody", {}, rows)));
}

/** The head of a table with these columns. */
export function tableHead(names) {
  return element("thead", {},
    element("tr", {}, names.map((name) => element("th", { scope: "col" }, name))));
}
