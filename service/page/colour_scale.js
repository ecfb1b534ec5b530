// The one colour scale: a leaf's share as a multiple of its fair share, in a single hue.

import { element, svgElement } from "./dom.js";
import { formatPercent } from "./format.js";

const TOP = 4;          // fair shares at the scale's end
const LEGEND_STEPS = 24;

let stops = null;  // [r, g, b] each, read once for light or dark

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { stops = null; });

/** A share's colour in CSS; `fairShare` is 1 over the number of leaves. */
export function leafColour(share, fairShare) {
  stops ??= readStops();
  // the square root, so that a few rows show
  const position = 2 * Math.sqrt(Math.min(1, share / fairShare / TOP));
  const lower = position < 1 ? 0 : 1;
  const [low, high] = [stops[lower], stops[lower + 1]];
  const rgb = low.map((value, k) => Math.round(value + (position - lower) * (high[k] - value)));
  return `rgb(${rgb.join(" ")})`;
}

function readStops() {
  const style = getComputedStyle(document.documentElement);
  return ["--heat-0", "--heat-1", "--heat-2"].map((name) => {
    const hex = parseInt(style.getPropertyValue(name).trim().slice(1), 16);
    return [hex >> 16, (hex >> 8) & 255, hex & 255];
  });
}

/** A strip of the scale, with what its ends mean. */
export function colourLegend(leafCount) {
  const strip = svgElement("svg", { width: 4 * LEGEND_STEPS, height: 10, "aria-hidden": "true" });
  for (let k = 0; k < LEGEND_STEPS; k += 1) {
    const fill = leafColour(TOP * (k / (LEGEND_STEPS - 1)) ** 2, 1);
    strip.append(svgElement("rect", { x: 4 * k, width: 4.5, height: 10, fill }));
  }
  return element("span", { class: "heat-legend" }, "no row ", strip,
    ` ${TOP} times its fair share (${formatPercent(1 / leafCount)}) or more`);
}
