// Both networks' predictions for a digit, side by side: class, probabilities, leaf and path.

import { element } from "./dom.js";
import { formatPercent } from "./format.js";
import { pathDetails, routeText, tableHead } from "./route.js";

const NEAR_RANK = 0.05;   // a margin of lower rank is called near a boundary
const SHOWN_CLASSES = 4;

/**
 * Show what `predictBoth` gave; `label` is what the baseline is called, `seen` is a canvas with
 * what the networks saw, `ways` are elements that tell how a network's tokens went.
 */
export function showPrediction(host, { fff, dense, explanation }, label, seen, ways) {
  const path = ways ?? pathDetails(fff.path, host);
  host.replaceChildren(
    element("div", { class: "verdicts" },
      verdict("FFF", "FFF", fff), verdict("dense", label, dense), seen),
    ...(ways ? [] : [routeOf(fff, explanation.leaves)]),
    probabilityTable(fff, dense, label), ...path);
}

function routeOf(fff, leafCount) {
  const near = fff.margin_rank !== null && fff.margin_rank < NEAR_RANK;
  return element("p", { class: "route" }, routeText(fff, leafCount),
    near ? element("strong", { class: "near" }, "near a boundary") : null);
}

function verdict(side, name, result) {
  if (!result) {
    return element("div", { class: "verdict dense" }, element("b", {}, "–"),
      element("span", {}, "no baseline is served"));
  }
  const share = formatPercent(result.probabilities[result.class]);
  return element("div", { class: `verdict ${side}` },
    element("b", {}, result.class), element("span", {}, `${name}, ${share}`));
}

/** The likeliest classes, each with both networks' bars. */
function probabilityTable(fff, dense, label) {
  const heads = ["class", "FFF", ...(dense ? [label] : [])];
  return element("table", { class: "probabilities" },
    tableHead(heads),
    element("tbody", {}, likeliestClasses(fff, dense).map((k) => element("tr", {},
      element("th", { scope: "row" }, k), probabilityCell("FFF", fff, k),
      dense ? probabilityCell("dense", dense, k) : null))));
}

function likeliestClasses(fff, dense) {
  const best = (k) => Math.max(fff.probabilities[k], dense?.probabilities[k] ?? 0);
  return fff.probabilities.map((_, k) => k).sort((a, b) => best(b) - best(a))
    .slice(0, SHOWN_CLASSES);
}

function probabilityCell(name, { probabilities }, k) {
  const bar = element("i", { class: name });
  bar.style.width = `${100 * probabilities[k]}%`;
  return element("td", {}, element("span", { class: "bar" }, bar),
    element("small", {}, formatPercent(probabilities[k])));
}
