// What a view makes of a computed map: a colour for every cell, borders of territories, a legend.

import { colourLegend, heatRgb, scaleLegend, sharePosition } from "./colour_scale.js";
import { element } from "./dom.js";
import { formatCount, formatPercent, formatValue } from "./format.js";
import { territoryRgb, valueRgb } from "./map_colours.js";

const SHADES = 256;
const MOST_ERRORS = 0.99;  // of a map's cells, that the scale of errors holds
const ON_TERRITORIES = "rgb(0 0 0 / 0.5)";
const ON_SHARES = "rgb(128 128 128 / 0.45)";

/**
 * {pixels, groups, border, legend} of a view of a ComputedMap: a packed colour a cell, 0 where
 * there is none yet; the territory of each cell and its border's colour, or null; a legend.
 * `context` is {target, range, errorTop, depth, data, model, traffic}: which target it is and what
 * it is called, what the scales reach, so many decisions, the data's map, and the FFF whose leaves
 * the traffic is of.
 */
export function drawnView(view, map, context) {
  if (view === "error") return errors(map, context);
  if (!map.leaves || view === "values") return values(map, context);
  const others = map.network.name !== context.model.name;  // leaves, of another FFF
  if (view === "traffic" && others) return values(map, context);
  return view === "leaves" ? territories(map, context) : shares(map, context);
}

function values(map, { target, range: [low, high] }) {
  const scale = (value) => (value - low) / (high - low || 1);
  return {
    pixels: shaded(map.values[target.index], scale, valueRgb),
    groups: null,
    legend: scaleLegend(formatValue(low, target), valueRgb, formatValue(high, target)),
  };
}

function errors(map, { target, errorTop, data }) {
  const found = errorsOf(map, data, target);
  const share = formatPercent(MOST_ERRORS);
  return {
    pixels: shaded(found, (error) => error / (errorTop || 1), heatRgb),
    groups: null,
    legend: scaleLegend(`error ${formatValue(0, target)}`, heatRgb,
      `${formatValue(errorTop, target)} or more (${share} of the cells have less)`),
  };
}

function territories(map, { depth }) {
  const { groups, count } = grouped(map, depth);
  return {
    pixels: coloured(groups, (group) => territoryRgb(group, count)),
    groups,
    border: ON_TERRITORIES,
    legend: element("span", {}, `${formatCount(count, "territory", "territories")}; the nearer two `
      + "are in the tree, the more alike their colours."),
  };
}

function shares(map, { depth, traffic }) {
  const { groups, count, shift } = grouped(map, depth);
  const rows = new Float64Array(count);
  traffic.perLeaf?.forEach((ofLeaf, leaf) => { rows[leaf >> shift] += ofLeaf; });
  const share = (group) => (traffic.rows ? rows[group] / traffic.rows : 0);
  return {
    pixels: coloured(groups, (group) => heatRgb(sharePosition(share(group), 1 / count))),
    groups,
    border: ON_SHARES,
    legend: colourLegend(count),
  };
}

/** Leaves as the first `depth` decisions make them: a leaf's index is its turns, first to last. */
function grouped({ network, leaves }, depth) {
  const shift = Math.max(0, network.manifest.depth - depth);
  const count = 2 ** (network.manifest.depth - shift);
  return { groups: leaves.map((leaf) => leaf >> shift), count, shift };
}

/** Absolute differences of a map to the data. */
function errorsOf(map, data, target) {
  const truth = data.values[target.index];
  return map.values[target.index].map((value, cell) => Math.abs(value - truth[cell]));
}

/** What the scale of errors must reach so that most errors of the maps are on it. */
export function errorTopOf(maps, data, target) {
  const errorsAt = (map) => {
    const sorted = errorsOf(map, data, target).filter(Number.isFinite).sort();
    return sorted.length ? sorted[Math.floor(MOST_ERRORS * (sorted.length - 1))] : 0;
  };
  return Math.max(0, ...maps.map(errorsAt));
}

/** The least and the greatest of a map's values so far. */
export function rangeOf(map, target) {
  let low = Infinity, high = -Infinity;
  for (const value of map.values[target.index]) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

function shaded(numbers, scale, rgbAt) {
  const shades = Uint32Array.from(
    { length: SHADES }, (_, shade) => packed(rgbAt(shade / (SHADES - 1))));
  return Uint32Array.from(numbers, (number) => {
    const position = Math.max(0, Math.min(1, scale(number)));
    return Number.isNaN(position) ? 0 : shades[Math.round(position * (SHADES - 1))];
  });
}

function coloured(groups, rgbOf) {
  const known = new Map([[-1, 0]]);  // a cell without a leaf yet has no colour
  return Uint32Array.from(groups, (group) => {
    if (!known.has(group)) known.set(group, packed(rgbOf(group)));
    return known.get(group);
  });
}

/** As an image's bytes, red first, opaque. */
function packed([r, g, b]) {
  return (0xff000000 | b << 16 | g << 8 | r) >>> 0;
}
