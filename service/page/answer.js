// What both networks say of a digit: class, probabilities, leaf, margin and path.

import { answerOf, modelPath } from "./poll.js";
import { element, number, percent } from "./text.js";

const NEAR = 0.05;  // margin rank below which a row is called near a boundary

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}

/** Ask the FFF to explain, and its dense twin, where it has one, for its class. */
export async function askBoth(fff, dense, pixels) {
  const inputs = [{ name: "input", datatype: "UINT8", shape: [1, pixels.length], data: pixels }];
  const outputs = [{ name: "class" }, { name: "probabilities" }];
  const [explained, inferred] = await Promise.all([
    answerOf(`${modelPath(fff)}/explain`, { inputs: [pixels], datatype: "UINT8" }),
    dense ? answerOf(`/v2/models/${encodeURIComponent(dense)}/infer`, { inputs, outputs }) : null,
  ]);
  const [row] = explained.rows;
  const named = inferred && Object.fromEntries(
    inferred.outputs.map(({ name, data }) => [name, data]));
  return {
    fff: { ...row, probabilities: softmax(row.logits) },
    dense: named && { class: named.class[0], probabilities: named.probabilities },
    leaves: explained.leaves,
  };
}

function verdict(name, side) {
  if (!side) return element("div", { class: "verdict dense" }, element("b", {}, "–"),
    element("span", {}, "no dense twin is served"));
  return element("div", { class: `verdict ${name}` },
    element("b", {}, side.class),
    element("span", {}, `${name}, ${percent(side.probabilities[side.class])}`));
}

function bar(name, share) {
  const filling = element("i", { class: name });
  filling.style.width = `${100 * share}%`;
  return element("span", { class: "bar" }, filling);
}

/** The likeliest classes, each with both networks' bars. */
function probabilityTable({ fff, dense }) {
  const classes = fff.probabilities.map((_, k) => k);
  const best = (k) => Math.max(fff.probabilities[k], dense?.probabilities[k] ?? 0);
  const shown = classes.sort((a, b) => best(b) - best(a)).slice(0, 4);
  const cell = (name, side, k) => (side ? element("td", {},
    bar(name, side.probabilities[k]), element("small", {}, percent(side.probabilities[k]))) : null);
  return element("table", { class: "probabilities" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "class"),
      element("th", { scope: "col" }, "FFF"),
      dense ? element("th", { scope: "col" }, "dense") : null)),
    element("tbody", {}, shown.map((k) => element("tr", {},
      element("th", { scope: "row" }, k), cell("FFF", fff, k), cell("dense", dense, k)))));
}

function routeText({ fff, leaves }) {
  const margin = fff.margin === null ? "no boundary to cross"
    : `margin ${number(fff.margin)}`;
  const rank = fff.margin_rank === null || fff.margin === null ? ""
    : `, larger than that of ${percent(fff.margin_rank)} of rows so far`;
  return `Leaf ${fff.leaf} of ${number(leaves)}, ${margin}${rank}.`;
}

function pathTable(path) {
  const closest = Math.min(...path.map((step) => step.distance ?? Infinity));
  return element("details", {}, element("summary", {}, "Path"),
    element("table", { class: "path" },
      element("thead", {}, element("tr", {}, ["node", "goes", "distance"].map(
        (text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, path.map((step) => element("tr",
        { class: step.distance === closest ? "closest" : null },
        element("td", {}, step.node), element("td", {}, step.right ? "right" : "left"),
        element("td", {}, step.distance === null ? "–" : number(step.distance)))))));
}

/** Show an answer; `seen` is a canvas with what the networks saw. */
export function showAnswer(host, answer, seen) {
  const open = host.querySelector("details")?.open ?? false;
  const near = answer.fff.margin_rank !== null && answer.fff.margin_rank < NEAR;
  const details = answer.fff.path.length ? pathTable(answer.fff.path) : null;
  if (details) details.open = open;
  host.replaceChildren(
    element("div", { class: "verdicts" },
      verdict("FFF", answer.fff), verdict("dense", answer.dense), seen),
    element("p", { class: "route" }, routeText(answer),
      near ? element("strong", { class: "near" }, "near a boundary") : null),
    probabilityTable(answer), ...[details].filter(Boolean));
}
