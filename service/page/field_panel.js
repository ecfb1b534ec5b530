// The panel of a field: its map as networks draw it, what is shown of it, and a point asked about.

import { ComputedMap } from "./computed_map.js";
import { byId, element, setText, showOptions } from "./dom.js";
import { networkKey, networkLabel } from "./field.js";
import { askField, pointText, showFieldAnswer } from "./field_answer.js";
import { formatValue } from "./format.js";
import { MapCanvas } from "./map_canvas.js";
import { MapGrid } from "./map_grid.js";
import { helpText, progressText, trafficText } from "./map_notes.js";
import { MapTraffic } from "./map_traffic.js";
import { drawnView, errorTopOf, rangeOf } from "./map_views.js";

const OF_TERRITORIES = ["leaves", "traffic"];

export class FieldPanel {
  /** `onLeaf` gets the leaf of a point that was asked about, or null. */
  constructor(onLeaf) {
    this.onLeaf = onLeaf;
    this.field = null;
    this.answer = null;         // to the latest question
    this.questions = 0;         // answers to any but the latest are thrown away
    this.maps = new Map();      // ComputedMap by network's name
    this.queue = Promise.resolve();  // maps are computed one after the other
    this.traffic = new MapTraffic();
    this.view = "values";
    this.place = null;          // that the readout tells of
    this.drawing = false;
    this.canvas = new MapCanvas(byId("map"), {
      onAsk: (place) => this.ask(place), onRead: (place) => this.read(place) });
    this.listen();
  }

  listen() {
    byId("map-views").addEventListener("change", ({ target }) => {
      this.view = target.value;
      this.refresh();
    });
    for (const id of ["map-left", "map-right"]) {
      byId(id).addEventListener("change", () => this.refresh());
    }
    byId("map-target").addEventListener("change", () => this.refresh());
    byId("map-depth").addEventListener("input", () => this.drawSoon());
    byId("map-again").addEventListener("click", () => this.begin());
  }

  /** Show a field, or nothing; what is computed stays while the same networks are served. */
  fit(field) {
    byId("field").hidden = byId("to-map").hidden = field === null;
    const key = field && field.networks.map(networkKey).join();
    if (key === this.key) return;
    this.key = key;
    this.field = field;
    this.traffic = new MapTraffic();
    this.stop();
    if (field) this.begin();
  }

  stop() {
    for (const map of this.maps.values()) map.stop();
    this.maps.clear();
    this.questions += 1;
    this.answer = null;
  }

  /** Offer what there is, and compute. */
  begin() {
    const { field } = this;
    this.stop();
    this.place = null;
    this.grid = new MapGrid(field, byId("map").parentElement.clientWidth);
    this.offer();
    const [x, y] = this.grid.axes;
    setText(byId("field-title"), `Map of ${field.targets.map(({ name }) => name).join(", ")} over `
      + `${x.name} and ${y.name}`);
    setText(byId("map-help"), helpText(x, y));
    this.canvas.setGrid(this.grid, `Map of ${this.target.name}; arrow keys move, Enter asks`);
    byId("map-answer").replaceChildren(element("p", { class: "empty" },
      "Click on the map: every network's value, the leaf, the margin and the path will be here."));
    this.refresh();
  }

  offer() {
    const { field } = this;
    const options = field.networks.map((network) => [network.name, networkLabel(network)]);
    showOptions(byId("map-left"), options);
    showOptions(byId("map-right"), [["", "nothing"], ...options]);
    showOptions(byId("map-target"), field.targets.map(({ name }, k) => [String(k), name]));
    byId("map-target-label").hidden = field.targets.length === 1;
    const depth = byId("map-depth"), { manifest } = field.model;
    if (Number(depth.max) !== manifest.depth) depth.value = depth.max = manifest.depth;
    const error = byId("map-views").querySelector("[value=error]");
    error.disabled = !field.data;
    error.parentElement.title = field.data ? "" : "No raster with the data is served.";
    if (!field.data && this.view === "error") byId("map-views").querySelector("input").click();
  }

  get target() {
    const index = Number(byId("map-target").value);
    return { index, ...this.field.targets[index] };
  }

  /** The networks shown, left and right. */
  get shown() {
    return ["map-left", "map-right"].flatMap((id) => (
      this.field.networks.filter(({ name }) => name === byId(id).value)));
  }

  /** Compute what is needed and is not there, and draw. */
  refresh() {
    byId("map-depth-label").hidden = !OF_TERRITORIES.includes(this.view);
    for (const network of this.shown) this.mapOf(network);
    if (this.view === "error") this.mapOf(this.field.data);
    if (this.answer) this.showAnswer();
    this.drawSoon();
  }

  mapOf(network) {
    if (!this.maps.has(network.name)) {
      const map = new ComputedMap(network, this.grid, () => this.drawSoon());
      this.maps.set(network.name, map);
      this.queue = this.queue.then(() => map.compute());
    }
    return this.maps.get(network.name);
  }

  readTraffic(perLeaf) {
    if (this.field) this.traffic.read(perLeaf);
  }

  /** Draw in the next frame, once. */
  drawSoon() {
    if (!this.field || this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (this.field) this.draw();
    });
  }

  draw() {
    const { shown, target, view, traffic } = this;
    const maps = shown.map((network) => this.mapOf(network));
    const data = view === "error" ? this.mapOf(this.field.data) : null;
    const depth = Number(byId("map-depth").value);
    const range = rangeOf(this.maps.get(this.field.model.name) ?? maps[0], target);
    const errorTop = data ? errorTopOf(maps, data, target) : 0;
    const { model } = this.field;
    const context = { target, range, errorTop, depth, data, model, traffic };
    const drawn = maps.map((map) => drawnView(view, map, context));
    this.canvas.draw(drawn, shown.map(({ name }) => name));
    this.showLegends(drawn.map(({ legend }) => legend));
    setText(byId("map-depth-text"), `${depth} of ${byId("map-depth").max}`);
    setText(byId("map-note"), [
      ...(view === "traffic" ? [trafficText(traffic, this.field.model.name)] : []),
      ...[...new Set([...maps, ...(data ? [data] : [])])].map(progressText)].join("\n"));
    this.read(this.place);
    this.showError([...this.maps.values()].find(({ error }) => error)?.error);
  }

  showLegends(legends) {
    const different = legends.filter((legend, k) => (
      legends.findIndex(({ textContent }) => textContent === legend.textContent) === k));
    byId("map-legend").replaceChildren(...different);
  }

  showError(error) {
    byId("map-error").hidden = !error;
    setText(byId("map-error"), error?.message ?? "");
  }

  /** Tell of a place what is drawn there, without asking anybody. */
  read(place) {
    this.place = place;
    setText(byId("map-readout"), place ? this.placeText(place) : "");
  }

  placeText(place) {
    const network = this.shown[this.canvas.sideOf(place)];
    const { values, leaves } = this.mapOf(network);
    const cell = this.grid.cellAt(place);
    const leaf = leaves && leaves[cell] >= 0 ? `, leaf ${leaves[cell]}` : "";
    return `${pointText(this.field.inputs, this.grid.pointAt(this.grid.placeOf(cell)))}: `
      + `${network.name} ${formatValue(values[this.target.index][cell], this.target)}${leaf}`;
  }

  /** Ask every network about a place. */
  async ask(place) {
    this.questions += 1;
    const question = this.questions;
    try {
      const answer = await askField(this.field, this.grid.pointAt(place));
      if (question !== this.questions) return;
      this.answer = answer;
      this.showAnswer();
      this.canvas.circle(this.grid.radii(this.field.model, answer.explained.margin));
      this.onLeaf(answer.explained.leaf);
    } catch (error) {
      if (question !== this.questions) return;
      byId("map-answer").replaceChildren(element("p", { class: "error" }, error.message));
      this.onLeaf(null);
    }
  }

  showAnswer() {
    showFieldAnswer(byId("map-answer"), this.field, this.answer, this.target);
  }
}
