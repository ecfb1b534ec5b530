// The page's state: which pair of networks is shown, what was polled, and whether that failed.

import { NoResponse, request } from "./api.js";
import { Charts, trafficHints } from "./charts.js";
import { DigitPanel } from "./digit_panel.js";
import { byId, setText, showOptions } from "./dom.js";
import { fieldOf } from "./field.js";
import { FieldPanel } from "./field_panel.js";
import { formatCount, formatKind } from "./format.js";
import { History } from "./history.js";
import { modelInAddress, putInAddress, showOthers } from "./others.js";
import { drawable } from "./pixels.js";
import { Poller, RETRY_S } from "./poller.js";
import { RowPanel } from "./row_panel.js";
import { fetchSnapshot } from "./snapshot.js";

const MODELS_EVERY = 5;  // polls from one look at what is served to the next

export class Dashboard {
  constructor() {
    this.models = [];      // as /v1/models lists them
    this.model = null;     // the FFF shown, one of them
    this.baseline = null;  // what it is compared with, if served
    this.history = new History();
    this.polls = 0;        // every MODELS_EVERY of them begins with what is served
    this.failing = false;
    this.charts = new Charts();
    this.digitPanel = new DigitPanel((leaf, layer) => this.onLeaf(leaf, layer));
    this.fieldPanel = new FieldPanel((leaf) => this.onLeaf(leaf));
    this.rowPanel = new RowPanel((leaf, layer) => this.onLeaf(leaf, layer));
    this.poller = new Poller(() => this.poll());
  }

  /** Read once and draw; true where all went well and an FFF is served. */
  async poll() {
    try {
      await this.read();
      this.showSuccess();
      this.draw();
      return this.model !== null;
    } catch (error) {
      this.showFailure(error);
      return false;
    }
  }

  async read() {
    if (this.polls % MODELS_EVERY === 0) this.setModels((await request("/v1/models")).models);
    this.polls += 1;
    if (!this.model) return;
    const { name, layers } = this.model;
    const { snapshot, perLeaf } = await fetchSnapshot(name, this.baseline?.name, layers);
    if (this.model?.name !== name) return;  // another was chosen meanwhile
    this.history.add(snapshot);
    this.fieldPanel.readTraffic(perLeaf);
  }

  draw() {
    if (!this.history.last || byId("main").hidden) return;
    this.charts.draw(this.history);
    this.fieldPanel.drawSoon();
  }

  setModels(models) {
    this.models = models;
    const fffs = models.filter((model) => model.kind === "fff");
    showOptions(byId("model"), fffs.map(({ name }) => [name, name]));
    const wanted = modelInAddress();
    const named = (name) => fffs.find((model) => model.name === name);
    this.choose(named(wanted) ?? named(this.model?.name) ?? fffs[0] ?? null);
    if (wanted === null && this.model) putInAddress(this.model.name);
    setText(byId("state"), stateText(models, this.model, wanted));
  }

  /** Show this FFF, or none; its history and prediction go on if it is the same checkpoint. */
  choose(model) {
    const same = model !== null && this.model?.name === model.name
      && this.model.manifest.sha256 === model.manifest.sha256;
    this.model = model;
    byId("main").hidden = model === null;
    if (model === null) return;
    const baseline = this.models.find(({ name }) => name === model.manifest.baseline) ?? null;
    const sameBaseline = ["name", "kind"].every((key) => baseline?.[key] === this.baseline?.[key]);
    if (!same || !sameBaseline) this.history = new History(formatKind(baseline?.kind ?? "dense"));
    this.baseline = baseline;
    byId("model").value = model.name;
    setText(byId("about"), aboutText(model, baseline));
    showOptions(byId("layer"), model.layers.map((layer, k) => [String(k), `${k}: ${layer.name}`]));
    byId("layer-label").hidden = model.layers.length < 2;
    byId("layer").value = this.history.layer;
    this.charts.hints = trafficHints(model.name, drawable(model.manifest));
    this.digitPanel.setNetworks(model.name, baseline);
    if (!same) this.digitPanel.fit(model.manifest);
    showOthers(byId("others"), this.models, model);
    this.showPanel(fieldOf(model, this.models));
  }

  /** What the model takes decides which panel asks it: a map, a form of its columns, or the pad. */
  showPanel(field) {
    const named = field === null && this.model.inputs !== null;
    this.digitPanel.show(field === null && !named);
    this.rowPanel.fit(named ? this.model : null, this.baseline);
    this.fieldPanel.fit(field);
    byId("main").classList.toggle("of-field", field !== null);
  }

  /** Show the model that the page's address names, if it is served. */
  followAddress() {
    this.setModels(this.models);
    this.poller.pollNow();
  }

  /** Returns whether the page is paused now. */
  togglePause() {
    this.poller.paused = !this.poller.paused;
    this.poller.pollNow();
    return this.poller.paused;
  }

  /** Show the tree and the leaves of another layer, and a token's path there, if one is shown. */
  showLayer(layer) {
    this.history.layer = layer;
    this.draw();
    this.charts.tree.highlight(null);
    for (const { grids } of [this.digitPanel, this.rowPanel]) grids.follow(layer);
  }

  /** Show where a row, or a token of a layer, went; null for none. */
  onLeaf(leaf, layer = this.history.layer) {
    if (layer !== this.history.layer) {
      this.history.layer = layer;
      byId("layer").value = layer;
      this.draw();
    }
    this.charts.tree.highlight(leaf);
    if (leaf !== null) this.poller.pollNow();  // the digit's row shows at once
  }

  showFailure(error) {
    this.polls = 0;  // what is served may be another when the service is back
    if (this.failing) return;
    this.failing = true;
    const what = error instanceof NoResponse
      ? "The service does not answer" : `Unexpected: ${error.message}`;
    byId("trouble").hidden = false;
    setText(byId("trouble"), `${what} (since ${new Date().toLocaleTimeString()}). Trying again `
      + `every ${RETRY_S} s; what you see is from before.`);
  }

  showSuccess() {
    this.failing = false;
    byId("trouble").hidden = true;
    setText(byId("trouble"), "");
    if (this.models.length === 0) {
      setText(byId("state"), "No model yet: the service is still loading, or its store is empty.");
      this.polls = 0;
    }
  }
}

function stateText(models, shown, wanted) {
  if (models.length && !shown) return "No FFF is served: import or train one.";
  return shown && wanted !== null && wanted !== shown.name
    ? `${wanted} is no FFF that is served; this is ${shown.name}.` : "";
}

function aboutText({ version, manifest, layers, backend, device }, baseline) {
  const compared = baseline
    ? `${formatKind(baseline.kind)}: ${baseline.name}` : "no baseline is served";
  const leaves = manifest.kind === "network"
    ? formatCount(layers.length, "layer that routes", "layers that route")
    : `depth ${manifest.depth}`;
  return `version ${version}, ${leaves}, ${backend} on ${device}; ${compared}`;
}
