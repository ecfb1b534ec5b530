// Which leaf each token took, layer by layer, a grid each; a token that is chosen tells its path.

import { element } from "./dom.js";
import { formatNumber } from "./format.js";
import { territoryRgb } from "./map_colours.js";
import { pathDetails, routeText } from "./route.js";
import { columnsOf } from "./token_places.js";

const MOST_LABELLED = 8;  // columns; leaves of more have no legible number
const STEPS = {           // tokens right, tokens down
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class TokenGrids {
  /** `onToken` gets the leaf of the token chosen, and the number of its layer. */
  constructor(onToken) {
    this.onToken = onToken;
    this.chosen = null;  // {layer, token}, places in the answer; kept for the next one
    this.layers = [];
    this.detail = element("div");
  }

  forget() {
    this.layers = [];
  }

  /** Elements that show an explanation of one example by a network of blocks. */
  build({ layers: facts, rows: [{ layers }] }, manifest) {
    this.facts = facts;
    this.layers = layers;
    this.columns = layers.map(({ tokens }) => columnsOf(manifest, tokens.length));
    this.cells = layers.map((_, layer) => this.buildCells(layer));
    const figures = layers.map((_, layer) => this.figure(layer));
    if (!this.holds(this.chosen)) this.chosen = { layer: 0, token: nearest(layers[0].tokens) };
    this.choose(this.chosen.layer, this.chosen.token);
    return [element("div", { class: "layers" }, figures), this.detail];
  }

  buildCells(layer) {
    const labelled = this.columns[layer] <= MOST_LABELLED;
    return this.layers[layer].tokens.map(({ token, leaf, differs }, place) => {
      const cell = element("button",
        { type: "button", class: differs ? "token turned" : "token",
          "aria-label": `token ${token}, leaf ${leaf}` }, labelled ? leaf : "");
      const colour = territoryRgb(leaf, this.facts[layer].leaves);
      cell.style.backgroundColor = `rgb(${colour.join(" ")})`;
      cell.addEventListener("click", () => this.choose(layer, place));
      cell.addEventListener("keydown", (event) => this.onKey(event, layer, place));
      return cell;
    });
  }

  figure(layer) {
    const { name, leaves } = this.facts[layer];
    const used = new Set(this.layers[layer].tokens.map(({ leaf }) => leaf)).size;
    const grid = element("div", { class: "tokens", role: "group",
      "aria-label": `Tokens of layer ${name}; arrow keys go from one to the next` },
    this.cells[layer]);
    grid.style.gridTemplateColumns = `repeat(${this.columns[layer]}, 1fr)`;
    return element("figure", {}, element("figcaption", {}, element("b", {}, name),
      ` ${formatNumber(used)} of ${formatNumber(leaves)} leaves`), grid);
  }

  holds(chosen) {
    return chosen !== null && this.layers[chosen.layer]?.tokens[chosen.token] !== undefined;
  }

  /** Show the path of a token, by the places of its layer and of itself. */
  choose(layer, place) {
    this.chosen = { layer, token: place };
    const token = this.layers[layer].tokens[place];
    this.cells.forEach((cells, k) => cells.forEach((cell, n) => {
      const here = k === layer && n === place;
      cell.setAttribute("aria-pressed", here);
      cell.setAttribute("tabindex", here || (k !== layer && n === 0) ? 0 : -1);
    }));
    const { name, leaves, tokens } = this.facts[layer];
    const [unit, which] = tokens > 1 ? ["token", `${name}, token ${token.token}: `]
      : ["row", `${name}: `];
    const turned = element("p", { class: "note" }, token.differs
      ? `Served by leaf ${token.served_leaf}: rounding in its batch turned a near tie.` : "");
    const path = pathDetails(token.path, this.detail);
    this.detail.replaceChildren(
      element("p", { class: "route" }, which, routeText(token, leaves, unit)),
      turned, ...path);
    this.onToken(token.leaf, this.facts[layer].layer);
  }

  /** Show the token that is chosen in another layer, if there is an answer. */
  follow(layer) {
    const chosen = { layer, token: this.chosen?.token };
    if (this.holds(chosen)) this.choose(layer, chosen.token);
    else if (this.layers[layer]?.tokens.length) this.choose(layer, 0);
  }

  onKey(event, layer, place) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const columns = this.columns[layer];
    const column = place % columns + step[0];
    const next = place + step[0] + columns * step[1];
    if (column < 0 || column >= columns || !this.cells[layer][next]) return;
    this.choose(layer, next);
    this.cells[layer][next].focus();
  }
}

/** The place of the token that is nearest to a boundary. */
function nearest(tokens) {
  const margins = tokens.map(({ margin }) => margin ?? Infinity);
  return margins.indexOf(Math.min(...margins));
}
