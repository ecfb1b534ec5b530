// The panel of a table's network: a row by the names of its columns, and what is said of it.

import { modelPath, request } from "./api.js";
import { byId, element } from "./dom.js";
import { networkKey, networkLabel } from "./field.js";
import { formatPercent, formatValue } from "./format.js";
import { softmax } from "./predictions.js";
import { pathDetails, routeText, tableHead } from "./route.js";
import { columnFields, rowOf } from "./row_form.js";
import { TokenGrids } from "./token_grids.js";

export class RowPanel {
  /** `onLeaf` gets the leaf of a row that was asked about and its layer, or null. */
  constructor(onLeaf) {
    this.onLeaf = onLeaf;
    this.model = null;
    this.baseline = null;
    this.grids = new TokenGrids(onLeaf);
    this.questions = 0;  // answers to any but the latest are thrown away
    byId("row-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
  }

  /** Show a form for a model's columns, or nothing; `baseline` is asked too, if served. */
  fit(model, baseline) {
    byId("row").hidden = model === null;
    const same = model && this.model && networkKey(model) === networkKey(this.model);
    this.model = model;
    this.baseline = baseline;
    if (same || !model) return;
    this.questions += 1;
    this.grids.forget();
    byId("row-columns").replaceChildren(...columnFields(model.inputs));
    byId("row-answer").replaceChildren();
  }

  async ask() {
    this.questions += 1;
    const question = this.questions;
    const body = { rows: [rowOf(this.model.inputs, byId("row-form"))] };
    try {
      const [explanation, rival] = await Promise.all([
        request(`${modelPath(this.model.name)}/explain`, body),
        this.baseline && request(`${modelPath(this.baseline.name)}/predict`, body)]);
      if (question === this.questions) this.show(explanation, rival);
    } catch (error) {
      if (question !== this.questions) return;
      byId("row-answer").replaceChildren(element("p", { class: "error" }, error.message));
      this.onLeaf(null);
    }
  }

  show(explanation, rival) {
    const { rows: [explained], leaves, layers } = explanation;
    const { targets } = this.model;
    const heads = targets ? targets.map(({ name }) => name) : ["class", "probability"];
    const host = byId("row-answer");
    host.replaceChildren(
      element("table", { class: "values" }, tableHead(["network", ...heads]), element("tbody", {},
        this.outputRow(this.model, explained.logits),
        rival && this.outputRow(this.baseline, rival.outputs[0]))),
      ...(layers ? this.grids.build(explanation, this.model.manifest) : [
        element("p", { class: "route" }, routeText(explained, leaves)),
        ...pathDetails(explained.path, host)]));
    if (!layers) this.onLeaf(explained.leaf);
  }

  outputRow(network, outputs) {
    const { targets } = this.model;
    const cells = targets ? outputs.map((value, k) => formatValue(value, targets[k]))
      : this.likeliest(outputs);
    return element("tr", {}, element("th", { scope: "row" }, networkLabel(network)),
      cells.map((text) => element("td", {}, text)));
  }

  /** The class where the outputs are largest, and its probability. */
  likeliest(outputs) {
    const best = outputs.indexOf(Math.max(...outputs));
    return [this.model.classes?.[best] ?? best, formatPercent(softmax(outputs)[best])];
  }
}
