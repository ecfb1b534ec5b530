// The panel "Ask both networks": an image drawn, pasted or taken, and what the networks say of it.

import { byId, element, setText } from "./dom.js";
import { formatKind } from "./format.js";
import { Pad } from "./pad.js";
import { imagePixels, listenToPastes, parsePixels } from "./paste.js";
import { drawPixels, drawable, pixelFormat } from "./pixels.js";
import { showPrediction } from "./prediction_view.js";
import { predictBoth } from "./predictions.js";
import { SAMPLE_FORMAT, sampleButtons } from "./samples.js";
import { TokenGrids } from "./token_grids.js";

const SEEN_SIDE = 112;  // px of the picture of what the networks saw

export class DigitPanel {
  /** `onLeaf` gets the leaf of a predicted digit and its layer, or null when there is none. */
  constructor(onLeaf) {
    this.onLeaf = onLeaf;
    this.model = null;      // the FFF's name
    this.baseline = null;   // its baseline, if served: {name, kind}
    this.questions = 0;     // answers to any but the latest are thrown away
    this.grids = new TokenGrids(onLeaf);
    this.shown = true;      // what is pasted beside another panel is no digit
    this.pad = new Pad(byId("pad"), byId("pad-state"),
      { onDrawn: () => this.ask(), onCleared: () => this.forget() });
    byId("samples").append(...sampleButtons((pixels) => this.askAbout(pixels, SAMPLE_FORMAT)));
    this.listen();
  }

  listen() {
    byId("ask").addEventListener("click", () => this.ask());
    byId("clear").addEventListener("click", () => this.pad.clear());
    byId("numbers").addEventListener("input", ({ target }) => {
      if (target.value.trim()) this.askAboutText(target.value);
    });
    listenToPastes({
      onFile: (file) => this.shown && this.askAboutImage(file),
      onText: (text) => this.shown && this.askAboutText(text) });
  }

  /** Whom to ask from now on: an FFF's name, and its baseline or null. */
  setNetworks(model, baseline) {
    this.model = model;
    this.baseline = baseline;
    setText(byId("digit-title"), baseline ? "Ask both networks" : "Ask the network");
  }

  /** Be there, or make place for another panel. */
  show(shown) {
    this.shown = shown;
    byId("digit").hidden = !shown;
    if (!shown) byId("to-pad").hidden = true;
  }

  /** Empty the pad for a model's pixels, or tell why it takes none. */
  fit(manifest) {
    this.manifest = manifest;
    const format = pixelFormat(manifest);
    byId("pad-reason").hidden = !format.reason;
    setText(byId("pad-reason"), format.reason ?? "");
    for (const id of ["pad-area", "to-pad"]) byId(id).hidden = Boolean(format.reason);
    setText(byId("pad-help"), helpText(drawable(manifest)));
    byId("samples").hidden = drawable(manifest) !== "a digit";
    if (!format.reason) this.pad.format = format;
    this.pad.clear();
  }

  /** Ask both networks about what the pad holds. */
  async ask() {
    const { pixels } = this.pad;
    if (!pixels) {
      setText(byId("pad-state"), "Nothing is drawn yet.");
      return;
    }
    this.questions += 1;
    const question = this.questions;
    try {
      const prediction = await predictBoth(this.model, this.baseline?.name, pixels);
      if (question === this.questions) this.showAnswer(prediction, pixels);
    } catch (error) {
      if (question === this.questions) this.showError(error);
    }
  }

  askAbout(pixels, format) {
    this.pad.load(pixels, format);
    this.ask();
  }

  askAboutText(text) {
    const { format } = this.pad;
    try {
      this.askAbout(parsePixels(text, format.side ** 2), format);
    } catch (error) {
      this.showError(error);
    }
  }

  async askAboutImage(file) {
    const { format } = this.pad;
    try {
      this.askAbout(await imagePixels(file, format), format);
    } catch (error) {
      this.showError(error);
    }
  }

  showAnswer(prediction, pixels) {
    setText(byId("pad-state"), this.pad.penDown ? "Pen down" : "");
    const label = formatKind(this.baseline?.kind ?? "dense");
    const seen = this.seenCanvas(pixels);
    const { explanation } = prediction;
    const ways = explanation.layers ? this.grids.build(explanation, this.manifest) : null;
    showPrediction(byId("answer"), prediction, label, seen, ways);
    if (!ways) this.onLeaf(prediction.fff.leaf);
  }

  showError(error) {
    this.grids.forget();
    byId("answer").replaceChildren(element("p", { class: "error" }, error.message));
    this.onLeaf(null);
  }

  forget() {
    this.questions += 1;
    this.grids.forget();
    byId("answer").replaceChildren(element("p", { class: "empty" },
      "Class, probabilities, leaf and margin will be here, and the path in the tree."));
    this.onLeaf(null);
  }

  seenCanvas(pixels) {
    const { format } = this.pad;
    const canvas = element("canvas", {
      class: "seen", width: SEEN_SIDE, height: SEEN_SIDE, role: "img",
      "aria-label": `The ${format.side} by ${format.side} pixels the networks got` });
    const context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(document.body).color;
    drawPixels(context, pixels, format, SEEN_SIDE);
    return canvas;
  }
}

/** How to draw `image`; only digits have samples. */
function helpText(image) {
  return `Draw ${image}. By keyboard: arrow keys move, space puts the pen down or lifts it, Enter `
    + "asks, Delete clears. Or paste an image or numbers"
    + `${image === "a digit" ? ", or take a sample:" : "."}`;
}
