// The page: which pair is shown, and what is drawn after each reading.

import { askBoth, showAnswer } from "./answer.js";
import { HeatMap } from "./heatmap.js";
import { drawHistogram } from "./histogram.js";
import { History, SHOWN_LEAVES } from "./history.js";
import { pixelForm } from "./ink.js";
import { drawLines } from "./lines.js";
import { Pad, drawPixels } from "./pad.js";
import { AGAIN_S, MODELS_EVERY, NoAnswer, Poller, answerOf, readPair } from "./poll.js";
import { SAMPLE_FORM, listenToPastes, numbersIn, pixelsIn, sampleButtons } from "./sources.js";
import { byId, duration, element, number, plural, say } from "./text.js";
import { drawTiles } from "./tiles.js";
import { Tree } from "./tree.js";

const NO_TRAFFIC = "No rows in the last minute: run make loadtest, or draw a digit.";

const page = {
  models: [],      // as /v1/models lists them
  chosen: null,    // the FFF's description
  twin: null,      // its dense network's, if served
  history: new History(),
  readings: 0,
  failing: false,
  asked: 0,        // the latest question: older answers are thrown away
};
const heatMap = new HeatMap(byId("heat"), byId("heat-readout"));
const tree = new Tree(byId("tree"), byId("tree-readout"));
const pad = new Pad(byId("pad"), byId("pad-state"), { onDrawn: ask, onCleared: forget });
const poller = new Poller(read);

async function read() {
  try {
    if (page.readings % MODELS_EVERY === 0) takeModels((await answerOf("/v1/models")).models);
    page.readings += 1;
    if (page.chosen) {
      const name = page.chosen.name;
      const point = await readPair(name, page.twin?.name);
      if (page.chosen?.name === name) page.history.add(point);
    }
    recovered();
    draw();
    return page.chosen !== null;
  } catch (error) {
    failed(error);
    return false;
  }
}

function takeModels(models) {
  page.models = models;
  const fffs = models.filter((model) => model.kind === "fff");
  const select = byId("model");
  const names = fffs.map((model) => model.name);
  if (names.join() !== [...select.options].map((option) => option.value).join()) {
    select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  }
  const kept = fffs.find((model) => model.name === page.chosen?.name);
  choose(kept ?? fffs[0] ?? null);
  say(byId("state"), models.length && !fffs.length ? "No FFF is served: import or train one." : "");
}

/** Show this FFF; its history and answer go on if it is the same checkpoint. */
function choose(model) {
  const same = model && page.chosen?.manifest.sha256 === model.manifest.sha256
    && page.chosen.name === model.name;
  page.chosen = model;
  byId("main").hidden = model === null;
  if (model === null) return;
  const baseline = page.models.find(({ name }) => name === model.manifest.baseline) ?? null;
  if (!same || baseline?.name !== page.twin?.name) page.history = new History();
  page.twin = baseline;
  byId("model").value = model.name;
  say(byId("about"), `version ${model.version}, depth ${model.manifest.depth}, `
    + `${model.backend} on ${model.device}; `
    + (page.twin ? `dense: ${page.twin.name}` : "no dense twin is served"));
  if (!same) fitPad(model.manifest);
}

function fitPad(manifest) {
  const form = pixelForm(manifest);
  byId("pad-reason").hidden = !form.reason;
  say(byId("pad-reason"), form.reason ?? "");
  byId("pad-area").hidden = Boolean(form.reason);
  if (!form.reason) pad.form = form;
  pad.clear();
}

function failed(error) {
  page.readings = 0;  // what is served may be another when it is back
  if (page.failing) return;
  page.failing = true;
  const gone = error instanceof NoAnswer;
  const since = new Date().toLocaleTimeString();
  byId("trouble").hidden = false;
  say(byId("trouble"), (gone ? "The service does not answer" : `Unexpected: ${error.message}`)
    + ` (since ${since}). Trying again every ${AGAIN_S} s; what you see is from before.`);
}

function recovered() {
  page.failing = false;
  byId("trouble").hidden = true;
  say(byId("trouble"), "");
  if (page.models.length === 0) {
    say(byId("state"), "No model yet: the service is still loading, or its store is empty.");
    page.readings = 0;
  }
}

function draw() {
  const { history } = page;
  if (!history.last || byId("main").hidden) return;
  const { last } = history, { leaves } = last;
  const pair = (name) => ["fff", "dense"].map(
    (side) => (last[side] ? history.histogram(side, name) : null));
  drawTiles(byId("tiles"), history);
  tree.draw(leaves.shares, leaves.leaves, leaves.window_rows);
  say(byId("tree-note"), leaves.window_rows
    ? `Branches are as thick as their share of the last ${plural(leaves.window_rows, "row")}`
      + (leaves.leaves > SHOWN_LEAVES ? "; the top 6 levels. " : ".")
    : "No rows yet: run make loadtest, or draw a digit.");
  const shown = Math.min(leaves.leaves, SHOWN_LEAVES);
  say(byId("heat-note"), `Share of each ${shown < leaves.leaves
    ? `group of ${number(leaves.leaves / shown)} neighbouring leaves` : "leaf"} in the rows of `
    + `its moment; leaf 0 on top, leaf ${number(leaves.leaves - 1)} at the bottom.`);
  const intervals = history.intervals();
  heatMap.draw(intervals, last.at, leaves.leaves, NO_TRAFFIC.replace("minute", "2 minutes"));
  drawHistogram(byId("request"), pair("request"), duration, NO_TRAFFIC);
  drawHistogram(byId("compute"), pair("compute"), duration, NO_TRAFFIC);
  drawHistogram(byId("batch"), pair("batch"), number, NO_TRAFFIC);
  const rates = (side) => intervals.map((interval) => ({ at: interval.to, value: interval[side] }));
  drawLines(byId("rate"), [
    { name: "FFF", class: "FFF", points: rates("fff") },
    ...(page.twin ? [{ name: "dense", class: "dense", points: rates("dense") }] : []),
  ], last.at, number, 10, "Reading …");
  const gauges = (name) => history.points.map((point) => ({
    at: point.at, value: (point.leaves.window_rows ? point.leaves[name] : null) ?? null }));
  drawLines(byId("drift"), [
    { name: "drift", class: "FFF", points: gauges("drift_js") },
    { name: "what chance alone reaches", class: "noise", points: gauges("drift_noise_js") },
  ], last.at, (value) => number(value, 2), 0.1, leaves.drift_js === null
    ? "The manifest has no reference distribution to drift from." : NO_TRAFFIC);
}

/** Ask both networks about what the pad holds. */
async function ask() {
  const pixels = pad.pixels;
  if (!pixels) return say(byId("pad-state"), "Nothing is drawn yet.");
  page.asked += 1;
  const turn = page.asked;
  try {
    const answer = await askBoth(page.chosen.name, page.twin?.name, pixels);
    if (turn !== page.asked) return undefined;
    say(byId("pad-state"), pad.penDown ? "Pen down" : "");
    showAnswer(byId("answer"), answer, seenCanvas(pixels));
    tree.light(answer.fff.leaf);
    poller.wake();  // the digit's row shows at once
  } catch (error) {
    if (turn === page.asked) refuse(error);
  }
  return undefined;
}

function refuse(error) {
  byId("answer").replaceChildren(element("p", { class: "error" }, error.message));
  tree.light(null);
}

function forget() {
  page.asked += 1;
  byId("answer").replaceChildren(element("p", { class: "empty" },
    "Class, probabilities, leaf and margin will be here, and the path in the tree."));
  tree.light(null);
}

function seenCanvas(pixels) {
  const canvas = element("canvas", { class: "seen", width: 112, height: 112, role: "img",
    "aria-label": `The ${pad.form.side} by ${pad.form.side} pixels the networks got` });
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.body).color;
  drawPixels(context, pixels, pad.form, 112);
  return canvas;
}

function takeNumbers(text) {
  try {
    pad.load(numbersIn(text, pad.form.side ** 2), pad.form.side, pad.form.top);
    ask();
  } catch (error) {
    refuse(error);
  }
}

async function takeImage(file) {
  try {
    pad.load(await pixelsIn(file, pad.form), pad.form.side, pad.form.top);
    await ask();
  } catch (error) {
    refuse(error);
  }
}

byId("samples").append(...sampleButtons((pixels) => {
  pad.load(pixels, SAMPLE_FORM.side, SAMPLE_FORM.top);
  ask();
}));
byId("ask").addEventListener("click", () => ask());
byId("clear").addEventListener("click", () => pad.clear());
byId("numbers").addEventListener("input", ({ target }) => {
  if (target.value.trim()) takeNumbers(target.value);
});
listenToPastes({ onFile: takeImage, onText: takeNumbers });
byId("model").addEventListener("change", ({ target }) => {
  choose(page.models.find(({ name }) => name === target.value));
  poller.wake();
});
byId("pause").addEventListener("click", ({ target }) => {
  poller.paused = !poller.paused;
  target.setAttribute("aria-pressed", poller.paused);
  poller.wake();
});
new ResizeObserver(() => draw()).observe(byId("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
poller.wake();
