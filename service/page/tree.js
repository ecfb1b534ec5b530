// The routing tree: branches as thick as their share of the rows, an asked digit's path lit up.

import { heatCss } from "./colours.js";
import { leavesName } from "./heatmap.js";
import { nodeShares } from "./history.js";
import { filled, percent, say, shape } from "./text.js";

const HEIGHT_PX = 290;   // root to leaves, unless levels would be further apart than
const LEVEL_PX = 72;
const THICKEST_PX = 16;  // a branch that all rows take

export class Tree {
  constructor(host, readout) {
    this.host = host;
    this.readout = readout;
    this.svg = shape("svg", { role: "group", "aria-label":
      "Tree of decisions; arrow keys go from node to node" });
    this.shown = 0;
    this.read = null;      // the node that the readout speaks of
    this.path = new Set(); // nodes an asked row went through
  }

  /** Draw the window's shares; `leaves` is the layer's own number of them. */
  draw(leafShares, leaves, windowRows) {
    this.leaves = leaves;
    this.shares = nodeShares(leafShares);
    this.windowRows = windowRows;
    if (this.shown !== leafShares.length || !this.svg.isConnected) this.build(leafShares.length);
    this.place();
    this.colour();
    this.speak();
  }

  build(shown) {
    this.shown = shown;
    this.read = null;
    this.depth = Math.log2(shown);
    this.levelPx = Math.min(LEVEL_PX, HEIGHT_PX / Math.max(1, this.depth));
    this.nodes = this.shares.map((_, node) => this.node(node));
    this.branches = this.shares.map((_, node) => (node ? shape("path", { class: "branch" }) : null));
    this.svg.replaceChildren(...this.branches.slice(1), ...this.nodes);
    this.host.replaceChildren(this.svg);
  }

  node(node) {
    const mark = node >= this.shown - 1
      ? shape("rect", { class: "leaf" }) : shape("circle", { r: node ? 4 : 5 });
    const label = shape("text", { "text-anchor": "middle", "aria-hidden": "true" },
      node >= this.shown - 1 && this.leaves === this.shown ? node - this.shown + 1 : "");
    const group = shape("g", { class: "node", role: "img", tabindex: node ? -1 : 0 },
      shape("circle", { class: "hit", r: 14 }), mark, label);
    group.addEventListener("pointerenter", () => this.speakOf(node));
    group.addEventListener("pointerleave", () => this.speakOf(null));
    group.addEventListener("focus", () => this.speakOf(node));
    group.addEventListener("blur", () => this.speakOf(null));
    group.addEventListener("keydown", (event) => this.key(event, node));
    return group;
  }

  level(node) {
    return Math.floor(Math.log2(node + 1));
  }

  position(node) {
    const level = this.level(node), across = node + 1 - 2 ** level;
    return [this.width * (across + 0.5) / 2 ** level, 12 + level * this.levelPx];
  }

  place() {
    if (this.width === this.host.clientWidth && this.placed === this.shown) return;
    this.width = this.host.clientWidth;
    this.placed = this.shown;
    this.svg.setAttribute("width", this.width);
    this.svg.setAttribute("height", 12 + this.depth * this.levelPx + 32);
    const wide = Math.max(2, Math.min(18, this.width / this.shown - 2));
    this.nodes.forEach((group, node) => {
      const [x, y] = this.position(node);
      group.setAttribute("transform", `translate(${x} ${y})`);
      const leaf = group.querySelector(".leaf");
      if (leaf) filled(leaf, { x: -wide / 2, y: -5, width: wide, height: 12, rx: 2 }, []);
      filled(group.querySelector("text"),
        { y: 21, visibility: this.width / this.shown < 17 ? "hidden" : "visible" }, []);
      if (node === 0) return;
      const [fromX, fromY] = this.position((node - 1) >> 1);
      const half = (fromY + y) / 2;
      this.branches[node].setAttribute("d",
        `M${fromX} ${fromY}C${fromX} ${half} ${x} ${half} ${x} ${y}`);
    });
  }

  colour() {
    this.nodes.forEach((group, node) => {
      const share = this.shares[node];
      const leaf = group.querySelector(".leaf");
      if (leaf) leaf.setAttribute("fill", heatCss(share, 1 / this.shown));
      group.setAttribute("aria-label", this.textOf(node));
      group.classList.toggle("lit", this.path.has(node));
      const branch = this.branches[node];
      if (!branch) return;
      branch.setAttribute("stroke-width", Math.max(1, THICKEST_PX * share));
      branch.classList.toggle("dead", share === 0);
      branch.classList.toggle("lit", this.path.has(node));
    });
  }

  /** Light the way to a leaf of the layer, or none. */
  light(leaf) {
    this.path.clear();
    if (leaf !== null) {
      let node = Math.floor(leaf * this.shown / this.leaves) + this.shown - 1;
      for (; node > 0; node = (node - 1) >> 1) this.path.add(node);
      this.path.add(0);
    }
    if (this.nodes) this.colour();
  }

  textOf(node) {
    const name = node >= this.shown - 1
      ? leavesName(node - this.shown + 1, this.shown, this.leaves) : node ? `node ${node}` : "root";
    const way = [];
    for (let at = node; at > 0; at = (at - 1) >> 1) way.unshift(at % 2 ? "left" : "right");
    const rows = this.windowRows ? `${percent(this.shares[node])} of rows` : "no rows yet";
    return `${name}: ${rows}${way.length ? ` (${way.join(", ")})` : ""}`;
  }

  key(event, node) {
    const leaf = node >= this.shown - 1;
    const [left, right] = [2 * node + 1, 2 * node + 2];
    const across = 2 ** this.level(node), first = across - 1;
    const goal = {
      ArrowUp: node ? (node - 1) >> 1 : node,
      ArrowDown: leaf ? node : this.shares[right] > this.shares[left] ? right : left,
      ArrowLeft: Math.max(first, node - 1),
      ArrowRight: Math.min(first + across - 1, node + 1),
    }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    this.nodes[node].setAttribute("tabindex", -1);
    this.nodes[goal].setAttribute("tabindex", 0);
    this.nodes[goal].focus();
  }

  speakOf(node) {
    this.read = node;
    this.speak();
  }

  speak() {
    say(this.readout, this.read === null ? "" : this.textOf(this.read));
  }
}
