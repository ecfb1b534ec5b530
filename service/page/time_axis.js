// The axis of the charts over time: it ends now.

import { svgElement } from "./dom.js";
import { SPAN_S } from "./history.js";

/** Marks "−90 s" to "now" for a chart so wide; `y` is where the axis is. Both in px. */
export function timeMarks(width, y) {
  return [90, 60, 30, 0].flatMap((agoS) => {
    const x = width * (1 - agoS / SPAN_S);
    const anchor = agoS === 0 ? "end" : "middle";
    return [
      svgElement("line", { class: "axis", x1: x, x2: x, y1: y, y2: y + 4 }),
      svgElement("text", { class: "axis", x, y: y + 14, "text-anchor": anchor },
        agoS === 0 ? "now" : `−${agoS} s`),
    ];
  });
}
