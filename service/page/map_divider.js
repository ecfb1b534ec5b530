// The divider between two networks' maps: dragged, or moved by arrow keys.

import { element, setAttributes } from "./dom.js";

const STEPS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02,
  PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };

export class MapDivider {
  /** A slider in `host`, whose width it moves along; `onMoved` is called when it has moved. */
  constructor(host, onMoved) {
    this.host = host;
    this.onMoved = onMoved;
    this.share = 0.5;  // of the width that is left of it
    this.node = element("div", { class: "divider", role: "slider", tabindex: "0",
      "aria-valuemin": 0, "aria-valuemax": 100, "aria-orientation": "horizontal", hidden: "" },
    element("i", {}, "⇔"));
    host.append(this.node);
    this.node.addEventListener("pointerdown", (event) => {
      this.node.setPointerCapture(event.pointerId);
    });
    this.node.addEventListener("pointermove", (event) => this.onPointer(event));
    this.node.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Stand between two networks, or away where there is one alone. */
  stand(names) {
    this.node.hidden = names.length < 2;
    setAttributes(this.node, { "aria-label": `Divider: left ${names[0]}, right ${names[1]}` });
    this.place();
  }

  onPointer(event) {
    if (!this.node.hasPointerCapture(event.pointerId)) return;
    const box = this.host.getBoundingClientRect();
    this.move((event.clientX - box.left) / box.width);
  }

  onKey(event) {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.move(this.share + step);
  }

  move(share) {
    this.share = Math.max(0, Math.min(1, share));
    this.place();
    this.onMoved();
  }

  place() {
    this.node.style.left = `${100 * this.share}%`;
    const percent = Math.round(100 * this.share);
    setAttributes(this.node, { "aria-valuenow": percent, "aria-valuetext": `${percent} % left` });
  }
}
