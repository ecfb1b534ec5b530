// The one colour scale: a leaf's share as a multiple of its fair share, in a single hue.

import { element, svgElement } from "./dom.js";
import { formatPercent } from "./format.js";

const TOP = 4;          // fair shares at the scale's end
const LEGEND_STEPS = 24;

let stops = null;  // [r, g, b] each, read once for light or dark

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { stops = null; });

/** A share's colour in CSS; `fairShare` is 1 over the number of leaves. */
export function leafColour(share, fairShare) {
  return `rgb(${heatRgb(sharePosition(share, fairShare)).join(" ")})`;
}

/** Where on the scale, from 0 to 1, a share is: by the square root, so that a few rows show. */
export function sharePosition(share, fairShare) {
  return Math.sqrt(Math.min(1, share / fairShare / TOP));
}

/** The colour at a position from 0 to 1, [r, g, b]. */
export function heatRgb(position) {
  stops ??= readStops();
  return between(stops, position);
}

/** The colour at a position from 0 to 1 among stops that are evenly spaced, all [r, g, b]. */
export function between(colours, position) {
  const place = position * (colours.length - 1);
  const lower = Math.min(colours.length - 2, Math.floor(place));
  const [low, high] = [colours[lower], colours[lower + 1]];
  return low.map((value, k) => Math.round(value + (place - lower) * (high[k] - value)));
}

function readStops() {
  const style = getComputedStyle(document.documentElement);
  return ["--heat-0", "--heat-1", "--heat-2"].map(
    (name) => hexRgb(style.getPropertyValue(name).trim()));
}

/** [r, g, b] of "#rrggbb". */
export function hexRgb(text) {
  const hex = parseInt(text.slice(1), 16);
  return [hex >> 16, (hex >> 8) & 255, hex & 255];
}

/** A strip of the scale, with what its ends mean. */
export function colourLegend(leafCount) {
  return scaleLegend("no row", heatRgb,
    `${TOP} times its fair share (${formatPercent(1 / leafCount)}) or more`);
}

/** A strip of any scale, `rgbAt` a position from 0 to 1, between what its ends mean. */
export function scaleLegend(low, rgbAt, high) {
  const strip = svgElement("svg", { width: 4 * LEGEND_STEPS, height: 10, "aria-hidden": "true" });
  for (let k = 0; k < LEGEND_STEPS; k += 1) {
    const fill = `rgb(${rgbAt(k / (LEGEND_STEPS - 1)).join(" ")})`;
    strip.append(svgElement("rect", { x: 4 * k, width: 4.5, height: 10, fill }));
  }
  return element("span", { class: "heat-legend" }, `${low} `, strip, ` ${high}`);
}
