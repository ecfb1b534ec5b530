// The routing tree: branches as thick as their share of the rows, one row's path highlighted.

import { leafColour } from "./colour_scale.js";
import { setAttributes, setText, svgElement } from "./dom.js";
import { formatPercent } from "./format.js";
import { leafName, nodeShares } from "./leaves.js";

const HEIGHT = 290;      // px from root to leaves, unless levels would be further apart than
const MAX_LEVEL = 72;    // px
const MAX_BRANCH = 16;   // px: a branch that all rows take
const ROOT_Y = 12;       // px
const LEAF_FOOT = 32;    // px below the leaves' centres: their labels
const LABEL_SPACE = 17;  // px a leaf: in less no label is legible

/** Nodes are in heap order: children of k are 2k + 1 and 2k + 2. */
export class Tree {
  /** An SVG in `host`; the node under the pointer or in focus is told in `readout`. */
  constructor(host, readout) {
    this.host = host;
    this.readout = readout;
    this.svg = svgElement("svg", { role: "group", "aria-label":
      "Tree of decisions; arrow keys go from node to node" });
    this.shownCount = 0;   // leaves
    this.readNode = null;  // the node that the readout tells of
    this.path = new Set(); // nodes that the highlighted row went through
  }

  /**
   * Draw shares of the last `windowRows`, which are rows or tokens, as `unit` says; `leafCount` is
   * the layer's own number of leaves.
   */
  draw(leafShares, leafCount, windowRows, unit) {
    this.unit = unit;
    this.leafCount = leafCount;
    this.shares = nodeShares(leafShares);
    this.windowRows = windowRows;
    if (this.shownCount !== leafShares.length || !this.svg.isConnected) {
      this.build(leafShares.length);
    }
    this.layOut();
    this.paint();
    this.showReadout();
  }

  build(shownCount) {
    this.shownCount = shownCount;
    this.readNode = null;
    this.depth = Math.log2(shownCount);
    this.levelHeight = Math.min(MAX_LEVEL, HEIGHT / Math.max(1, this.depth));
    this.nodes = this.shares.map((_, node) => this.buildNode(node));
    this.branches = this.shares.map(
      (_, node) => (node ? svgElement("path", { class: "branch" }) : null));
    this.svg.replaceChildren(...this.branches.slice(1), ...this.nodes);
    this.host.replaceChildren(this.svg);
  }

  buildNode(node) {
    const mark = this.isLeaf(node)
      ? svgElement("rect", { class: "leaf" }) : svgElement("circle", { r: node ? 4 : 5 });
    const label = svgElement("text", { "text-anchor": "middle", "aria-hidden": "true" },
      this.isLeaf(node) && this.leafCount === this.shownCount ? this.leafOf(node) : "");
    const group = svgElement("g", { class: "node", role: "img", tabindex: node ? -1 : 0 },
      svgElement("circle", { class: "hit", r: 14 }), mark, label);
    group.addEventListener("pointerenter", () => this.read(node));
    group.addEventListener("pointerleave", () => this.read(null));
    group.addEventListener("focus", () => this.read(node));
    group.addEventListener("blur", () => this.read(null));
    group.addEventListener("keydown", (event) => this.onKey(event, node));
    return group;
  }

  isLeaf(node) {
    return node >= this.shownCount - 1;
  }

  leafOf(node) {
    return node - this.shownCount + 1;
  }

  /** Place nodes and branches, where the width or the number of leaves has changed. */
  layOut() {
    if (this.width === this.host.clientWidth && this.placedCount === this.shownCount) return;
    this.width = this.host.clientWidth;
    this.placedCount = this.shownCount;
    this.svg.setAttribute("width", this.width);
    this.svg.setAttribute("height", ROOT_Y + this.depth * this.levelHeight + LEAF_FOOT);
    this.nodes.forEach((group, node) => this.placeNode(group, node));
    this.branches.forEach((branch, node) => branch?.setAttribute("d", this.branchData(node)));
  }

  placeNode(group, node) {
    const [x, y] = this.position(node);
    const space = this.width / this.shownCount;
    const width = Math.max(2, Math.min(18, space - 2));
    group.setAttribute("transform", `translate(${x} ${y})`);
    const leaf = group.querySelector(".leaf");
    if (leaf) setAttributes(leaf, { x: -width / 2, y: -5, width, height: 12, rx: 2 });
    setAttributes(group.querySelector("text"),
      { y: 21, visibility: space < LABEL_SPACE ? "hidden" : "visible" });
  }

  position(node) {
    const level = levelOf(node), across = node + 1 - 2 ** level;
    return [this.width * (across + 0.5) / 2 ** level, ROOT_Y + level * this.levelHeight];
  }

  branchData(node) {
    const [fromX, fromY] = this.position(parentOf(node));
    const [x, y] = this.position(node);
    const half = (fromY + y) / 2;
    return `M${fromX} ${fromY}C${fromX} ${half} ${x} ${half} ${x} ${y}`;
  }

  /** Colours, widths, path and labels. */
  paint() {
    this.nodes.forEach((group, node) => {
      group.querySelector(".leaf")?.setAttribute(
        "fill", leafColour(this.shares[node], 1 / this.shownCount));
      group.setAttribute("aria-label", this.nodeText(node));
      group.classList.toggle("lit", this.path.has(node));
    });
    this.branches.forEach((branch, node) => {
      branch?.setAttribute("stroke-width", Math.max(1, MAX_BRANCH * this.shares[node]));
      branch?.classList.toggle("dead", this.shares[node] === 0);
      branch?.classList.toggle("lit", this.path.has(node));
    });
  }

  /** Highlight the path to a leaf of the layer, or none. */
  highlight(leaf) {
    this.path = new Set();
    if (leaf !== null) {
      const shownLeaf = Math.floor(leaf * this.shownCount / this.leafCount);
      this.path = new Set(pathTo(shownLeaf + this.shownCount - 1));
    }
    if (this.nodes) this.paint();
  }

  nodeText(node) {
    const name = this.isLeaf(node) ? leafName(this.leafOf(node), this.shownCount, this.leafCount)
      : node ? `node ${node}` : "root";
    const turns = pathTo(node).slice(1).map((step) => (step % 2 ? "left" : "right"));
    const rows = this.windowRows
      ? `${formatPercent(this.shares[node])} of ${this.unit}s` : `no ${this.unit}s yet`;
    return `${name}: ${rows}${turns.length ? ` (${turns.join(", ")})` : ""}`;
  }

  onKey(event, node) {
    const target = this.neighbour(node, event.key);
    if (target === undefined) return;
    event.preventDefault();
    this.nodes[node].setAttribute("tabindex", -1);
    this.nodes[target].setAttribute("tabindex", 0);
    this.nodes[target].focus();
  }

  /** The node that an arrow key leads to: down goes where more rows go. */
  neighbour(node, key) {
    const [left, right] = [2 * node + 1, 2 * node + 2];
    const width = 2 ** levelOf(node), first = width - 1;
    const busier = this.shares[right] > this.shares[left] ? right : left;
    return {
      ArrowUp: node ? parentOf(node) : node,
      ArrowDown: this.isLeaf(node) ? node : busier,
      ArrowLeft: Math.max(first, node - 1),
      ArrowRight: Math.min(first + width - 1, node + 1),
    }[key];
  }

  read(node) {
    this.readNode = node;
    this.showReadout();
  }

  showReadout() {
    setText(this.readout, this.readNode === null ? "" : this.nodeText(this.readNode));
  }
}

function levelOf(node) {
  return Math.floor(Math.log2(node + 1));
}

function parentOf(node) {
  return (node - 1) >> 1;
}

/** Nodes from the root to this one. */
function pathTo(node) {
  return node ? [...pathTo(parentOf(node)), node] : [0];
}
