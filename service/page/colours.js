// The one colour scale: a leaf's share against its fair share, in a single hue.

import { element, percent, shape } from "./text.js";

const FULL = 4;  // fair shares at the scale's end

let ramp = null;

/** The scale's stops as the style sheet has them, for light or dark. */
function readRamp() {
  const style = getComputedStyle(document.documentElement);
  ramp = ["--heat-0", "--heat-1", "--heat-2"].map((name) => {
    const hex = parseInt(style.getPropertyValue(name).trim().slice(1), 16);
    return [hex >> 16, (hex >> 8) & 255, hex & 255];
  });
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { ramp = null; });

/** [r, g, b] of a share; `fair` is 1 over the leaves. By square root, so that few rows show. */
function heatOf(share, fair) {
  if (!ramp) readRamp();
  const along = 2 * Math.sqrt(Math.min(1, share / fair / FULL));
  const [low, high] = along < 1 ? [ramp[0], ramp[1]] : [ramp[1], ramp[2]];
  const part = along < 1 ? along : along - 1;
  return low.map((value, k) => Math.round(value + part * (high[k] - value)));
}

export function heatCss(share, fair) {
  return `rgb(${heatOf(share, fair).join(" ")})`;
}

/** "0, fair, 4 × fair or more" beside a strip of the scale. */
export function heatLegend(leaves) {
  const strip = shape("svg", { width: 96, height: 10, "aria-hidden": "true" });
  for (let k = 0; k < 24; k += 1) {
    const share = FULL * (k / 23) ** 2;
    strip.append(shape("rect", { x: 4 * k, width: 4.5, height: 10, fill: heatCss(share, 1) }));
  }
  return element("span", { class: "heat-legend" }, "no row ", strip,
    ` ${FULL} times its fair share (${percent(1 / leaves)}) or more`);
}
