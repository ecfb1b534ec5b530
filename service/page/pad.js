// The drawing pad: mouse, touch, pen and keyboard; or an image of the network's own size.

import { PAD_SIDE, PEN, normalised } from "./ink.js";
import { say } from "./text.js";

const MOVE = 14;  // px an arrow key moves: 20 steps across

export class Pad {
  /** `onDrawn` is called when a stroke ends or Enter is pressed, `onCleared` after Delete. */
  constructor(canvas, stateLine, { onDrawn, onCleared }) {
    Object.assign(this, { canvas, stateLine, onDrawn, onCleared });
    this.form = { side: 8, top: 16 };
    this.paper = new OffscreenCanvas(PAD_SIDE, PAD_SIDE).getContext("2d",
      { willReadFrequently: true });
    Object.assign(this.paper, { lineCap: "round", lineJoin: "round", lineWidth: PEN });
    this.exact = null;    // pixels that came as such; null: the drawing counts
    this.cursor = { x: PAD_SIDE / 2, y: PAD_SIDE / 2 };
    this.penDown = false;
    this.stroke = null;   // where the pointer was
    canvas.width = PAD_SIDE;
    canvas.height = PAD_SIDE;
    canvas.addEventListener("pointerdown", (event) => this.pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.pointerMove(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => this.pointerEnd());
    }
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.show());
    canvas.addEventListener("blur", () => this.lift());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
    this.show();
  }

  /** What the networks get: integers from 0 to top, row by row; null while nothing is drawn. */
  get pixels() {
    if (this.exact) return this.exact;
    const { data } = this.paper.getImageData(0, 0, PAD_SIDE, PAD_SIDE);
    const ink = Float32Array.from({ length: PAD_SIDE ** 2 }, (_, k) => data[4 * k + 3] / 255);
    const pixels = normalised(ink, PAD_SIDE, this.form.side, this.form.top);
    return pixels.some((value) => value > 0) ? pixels : null;
  }

  clear() {
    this.paper.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    this.exact = null;
    this.lift();
    this.show();
    this.onCleared();
  }

  /** Take side x side values up to `top`: as they are where the network's form is theirs. */
  load(values, side, top) {
    this.paper.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    const image = new ImageData(side, side);
    values.forEach((value, k) => { image.data[4 * k + 3] = Math.min(255, 255 * value / top); });
    const small = new OffscreenCanvas(side, side);
    small.getContext("2d").putImageData(image, 0, 0);
    const room = side === this.form.side ? PAD_SIDE : PAD_SIDE * 20 / 28;
    const at = (PAD_SIDE - room) / 2;
    this.paper.drawImage(small, at, at, room, room);
    this.exact = side === this.form.side ? values : null;
    this.show();
  }

  pointerDown(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = this.place(event);
    this.line(this.stroke, this.stroke);
  }

  pointerMove(event) {
    if (!this.stroke) return;
    for (const step of event.getCoalescedEvents?.() ?? [event]) {
      const to = this.place(step);
      this.line(this.stroke, to);
      this.stroke = to;
    }
  }

  pointerEnd() {
    if (!this.stroke) return;
    this.cursor = this.stroke;
    this.stroke = null;
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

  key(event) {
    const moves = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this.move(...moves[event.key]);
    else if (event.key === " ") this.toggle();
    else if (event.key === "Enter") this.onDrawn();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
  }

  move(right, down) {
    const kept = (value) => Math.max(0, Math.min(PAD_SIDE, value));
    const to = { x: kept(this.cursor.x + MOVE * right), y: kept(this.cursor.y + MOVE * down) };
    if (this.penDown) this.line(this.cursor, to);
    this.cursor = to;
    this.show();
  }

  toggle() {
    this.penDown = !this.penDown;
    say(this.stateLine, this.penDown ? "Pen down" : "Pen up");
    if (this.penDown) this.line(this.cursor, this.cursor);
    this.show();
  }

  lift() {
    this.penDown = false;
    say(this.stateLine, "");
    this.show();
  }

  line(from, to) {
    this.exact = null;
    this.paper.beginPath();
    this.paper.moveTo(from.x, from.y);
    this.paper.lineTo(to.x, to.y + 0.01);  // a line of no length has no caps
    this.paper.stroke();
    this.show();
  }

  show() {
    const style = getComputedStyle(this.canvas);
    const context = this.canvas.getContext("2d");
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    if (this.exact) drawPixels(context, this.exact, this.form, PAD_SIDE);
    else context.drawImage(this.paper.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";  // the ink in the text's colour
    context.fillStyle = style.color;
    context.fillRect(0, 0, PAD_SIDE, PAD_SIDE);
    context.globalCompositeOperation = "source-over";
    if (document.activeElement !== this.canvas || this.stroke) return;
    context.strokeStyle = style.outlineColor;
    context.lineWidth = this.penDown ? 5 : 2;
    context.beginPath();
    context.arc(this.cursor.x, this.cursor.y, PEN / 2, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Pixels as squares, opaque where they are at the top. */
export function drawPixels(context, pixels, { side, top }, size) {
  const cell = size / side;
  pixels.forEach((value, k) => {
    context.globalAlpha = Math.min(1, value / top);
    context.fillRect(cell * (k % side), cell * Math.floor(k / side), cell, cell);
  });
  context.globalAlpha = 1;
}
