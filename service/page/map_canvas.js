// The map on the page: one layer or two beside each other, a crosshair, and whoever points at it.

import { element } from "./dom.js";
import { MapDivider } from "./map_divider.js";

const MOST_HEIGHT = 620;  // px
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LONG_STEP = 10;     // cells, with the shift key

/** `onAsk` and `onRead` get a place on the map: [across, down] from 0 to 1; onRead also null. */
export class MapCanvas {
  constructor(host, { onAsk, onRead }) {
    Object.assign(this, { host, onAsk, onRead });
    this.canvas = element("canvas", { tabindex: "0", role: "application",
      "aria-describedby": "map-help" });
    host.append(this.canvas);
    this.divider = new MapDivider(host, () => this.compose());
    this.layers = [];
    this.cross = null;   // the crosshair's place
    this.radii = null;   // of the circle around it, as shares of width and height
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("click", (event) => this.ask(this.placeOf(event)));
    canvas.addEventListener("pointermove", (event) => this.onRead(this.placeOf(event)));
    canvas.addEventListener("pointerleave", () => this.onRead(this.cross));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Take a map's form, and forget what was asked. */
  setGrid(grid, label) {
    this.grid = grid;
    this.layers = [];
    this.cross = this.radii = null;
    this.host.style.aspectRatio = grid.aspect;
    this.host.style.maxWidth = `${Math.round(MOST_HEIGHT * grid.aspect)}px`;
    this.canvas.setAttribute("aria-label", label);
    this.canvas.dataset.columns = grid.columns;
    this.canvas.dataset.lines = grid.lines;
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  onKey(event) {
    const step = STEPS[event.key];
    if (!step && event.key !== "Enter") return;
    event.preventDefault();
    if (step) this.step(step, event.shiftKey ? LONG_STEP : 1);
    else this.ask(this.cross ?? this.middle());
  }

  middle() {
    return this.grid.placeOf(this.grid.cellAt([0.5, 0.5]));
  }

  /** From the middle of a cell to that of another. */
  step([right, down], cells) {
    const { columns, lines } = this.grid;
    const [across, along] = this.grid.placeOf(this.grid.cellAt(this.cross ?? this.middle()));
    this.point(this.grid.placeOf(this.grid.cellAt(
      [across + right * cells / columns, along + down * cells / lines])));
    this.onRead(this.cross);
  }

  point(place) {
    this.cross = place;
    this.radii = null;
    this.compose();
  }

  ask(place) {
    const middle = this.grid.placeOf(this.grid.cellAt(place));  // what is drawn there is of it
    this.point(middle);
    this.onAsk(middle);
  }

  circle(radii) {
    this.radii = radii;
    this.compose();
  }

  /** Which of two layers a place lies in: 0 left of the divider, 1 right of it. */
  sideOf([across]) {
    return this.layers.length > 1 && across >= this.divider.share ? 1 : 0;
  }

  /** Draw what `drawnView` gave, of one network or of two; `names` is what they are called. */
  draw(drawn, names) {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.host.clientWidth * ratio);
    this.canvas.height = Math.round(this.host.clientHeight * ratio);
    this.layers = drawn.map((view) => this.layerOf(view));
    this.divider.stand(names);
    this.compose();
  }

  layerOf({ pixels, groups, border }) {
    const { columns, lines } = this.grid;
    const { width, height } = this.canvas;
    const cells = new OffscreenCanvas(columns, lines);
    const image = new ImageData(new Uint8ClampedArray(pixels.buffer), columns, lines);
    cells.getContext("2d").putImageData(image, 0, 0);
    const layer = new OffscreenCanvas(width, height);
    const context = layer.getContext("2d");
    context.imageSmoothingEnabled = false;  // a field of leaves has steps: they are shown
    context.drawImage(cells, 0, 0, width, height);
    if (groups) this.drawBorders(context, groups, border);
    return layer;
  }

  drawBorders(context, groups, border) {
    const { columns, lines } = this.grid;
    const [wide, tall] = [this.canvas.width / columns, this.canvas.height / lines];
    context.beginPath();
    groups.forEach((group, cell) => {
      const column = cell % columns, line = Math.floor(cell / columns);
      const x = Math.round(column * wide), y = Math.round(line * tall);
      if (column && groups[cell - 1] !== group) context.rect(x, y, 1, Math.ceil(tall));
      if (line && groups[cell - columns] !== group) context.rect(x, y, Math.ceil(wide), 1);
    });
    context.fillStyle = border;
    context.fill();
  }

  /** Put the layers together: cheap, so that the divider follows the hand. */
  compose() {
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.clearRect(0, 0, width, height);
    this.layers.forEach((layer, side) => {
      const from = side ? Math.round(width * this.divider.share) : 0;
      if (from < width) {
        context.drawImage(layer, from, 0, width - from, height, from, 0, width - from, height);
      }
    });
    if (this.cross) this.drawCross(context, width, height);
  }

  drawCross(context, width, height) {
    const [x, y] = [this.cross[0] * width, this.cross[1] * height];
    const path = new Path2D();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      path.moveTo(x + 4 * dx, y + 4 * dy);
      path.lineTo(x + 14 * dx, y + 14 * dy);
    }
    const circle = this.radii?.map((share, k) => share * [width, height][k]);
    if (circle) {
      path.moveTo(x + circle[0], y);
      path.ellipse(x, y, ...circle, 0, 0, 2 * Math.PI);
    }
    for (const [colour, wide] of [["#ffffff", 4], ["#101010", 2]]) {  // seen on every colour
      context.strokeStyle = colour;
      context.lineWidth = wide;
      context.stroke(path);
    }
  }
}
