// The drawing pad: mouse, touch, pen and keyboard; or an image of the network's own size.

import { setText } from "./dom.js";
import { drawPixels } from "./pixels.js";
import { normalise } from "./preprocessing.js";

export const PAD_SIDE = 280;  // px of the drawing
const PEN = 30;  // px: about 1.2 of 8 pixels and 3 of 28, as wide as those data sets' strokes
const KEY_STEP = 14;  // px an arrow key moves: 20 steps across
const ARROWS = {  // steps right, down
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Draws on a sheet of its own, off screen, and shows that on the canvas. */
export class Pad {
  /** `onDrawn` is called when a stroke ends or Enter is pressed, `onCleared` after Delete. */
  constructor(canvas, penState, { onDrawn, onCleared }) {
    Object.assign(this, { canvas, penState, onDrawn, onCleared });
    this.format = { side: 8, max: 16 };  // of the network's pixels
    this.sheet = new OffscreenCanvas(PAD_SIDE, PAD_SIDE).getContext("2d",
      { willReadFrequently: true });
    Object.assign(this.sheet, { lineCap: "round", lineJoin: "round", lineWidth: PEN });
    this.exactPixels = null;  // pixels that came as such; null: the drawing counts
    this.cursor = { x: PAD_SIDE / 2, y: PAD_SIDE / 2 };
    this.penDown = false;     // the keyboard's
    this.pointer = null;      // where it was last; null between strokes
    Object.assign(canvas, { width: PAD_SIDE, height: PAD_SIDE });
    this.listen();
    this.show();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.onPointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.onPointerMove(event));
    canvas.addEventListener("pointerup", () => this.onPointerEnd());
    canvas.addEventListener("pointercancel", () => this.onPointerEnd());
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener("focus", () => this.show());
    canvas.addEventListener("blur", () => this.liftPen());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  /** What the networks get; null while nothing is drawn. */
  get pixels() {
    if (this.exactPixels) return this.exactPixels;
    const { data } = this.sheet.getImageData(0, 0, PAD_SIDE, PAD_SIDE);
    const ink = Float32Array.from({ length: PAD_SIDE ** 2 }, (_, k) => data[4 * k + 3] / 255);
    const pixels = normalise(ink, PAD_SIDE, this.format);
    return pixels.some((value) => value > 0) ? pixels : null;
  }

  clear() {
    this.sheet.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    this.exactPixels = null;
    this.liftPen();
    this.onCleared();
  }

  /** Take an image's pixels: as they are where it has the network's size. */
  load(pixels, { side, max }) {
    const fits = side === this.format.side;
    const image = new ImageData(side, side);
    pixels.forEach((value, k) => { image.data[4 * k + 3] = Math.min(255, 255 * value / max); });
    const small = new OffscreenCanvas(side, side);
    small.getContext("2d").putImageData(image, 0, 0);
    const size = fits ? PAD_SIDE : PAD_SIDE * 20 / 28;  // as MNIST leaves a margin
    const margin = (PAD_SIDE - size) / 2;
    this.sheet.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    this.sheet.drawImage(small, margin, margin, size, size);
    this.exactPixels = fits ? pixels : null;
    this.show();
  }

  onPointerDown(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = this.place(event);
    this.drawLine(this.pointer, this.pointer);
  }

  onPointerMove(event) {
    if (!this.pointer) return;
    for (const step of event.getCoalescedEvents?.() ?? [event]) {
      const to = this.place(step);
      this.drawLine(this.pointer, to);
      this.pointer = to;
    }
  }

  onPointerEnd() {
    if (!this.pointer) return;
    this.cursor = this.pointer;
    this.pointer = null;
    this.show();
    this.onDrawn();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) * PAD_SIDE / box.width,
      y: (event.clientY - box.top) * PAD_SIDE / box.height,
    };
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ARROWS[event.key]) this.moveCursor(...ARROWS[event.key]);
    else if (event.key === " ") this.togglePen();
    else if (event.key === "Enter") this.onDrawn();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
  }

  moveCursor(right, down) {
    const within = (value) => Math.max(0, Math.min(PAD_SIDE, value));
    const to = {
      x: within(this.cursor.x + KEY_STEP * right), y: within(this.cursor.y + KEY_STEP * down) };
    if (this.penDown) this.drawLine(this.cursor, to);
    this.cursor = to;
    this.show();
  }

  togglePen() {
    this.penDown = !this.penDown;
    setText(this.penState, this.penDown ? "Pen down" : "Pen up");
    if (this.penDown) this.drawLine(this.cursor, this.cursor);
    this.show();
  }

  liftPen() {
    this.penDown = false;
    setText(this.penState, "");
    this.show();
  }

  drawLine(from, to) {
    this.exactPixels = null;
    this.sheet.beginPath();
    this.sheet.moveTo(from.x, from.y);
    this.sheet.lineTo(to.x, to.y + 0.01);  // a line of no length has no caps
    this.sheet.stroke();
    this.show();
  }

  show() {
    const style = getComputedStyle(this.canvas);
    const context = this.canvas.getContext("2d");
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    if (this.exactPixels) drawPixels(context, this.exactPixels, this.format, PAD_SIDE);
    else context.drawImage(this.sheet.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";  // the ink in the text's colour
    context.fillStyle = style.color;
    context.fillRect(0, 0, PAD_SIDE, PAD_SIDE);
    context.globalCompositeOperation = "source-over";
    if (document.activeElement === this.canvas && !this.pointer) this.showCursor(context, style);
  }

  showCursor(context, style) {
    context.strokeStyle = style.outlineColor;
    context.lineWidth = this.penDown ? 5 : 2;
    context.beginPath();
    context.arc(this.cursor.x, this.cursor.y, PEN / 2, 0, 2 * Math.PI);
    context.stroke();
  }
}
