// Lines over the last minutes, with the values they end in.

import { element, showEmpty, svgElement } from "./dom.js";
import { SPAN_S } from "./history.js";
import { timeMarks } from "./time_axis.js";

const HEIGHT = 132;           // px
const AXIS_Y = HEIGHT - 18;   // px: below it stand the times
const TOP_Y = 12;             // px: above it stands the top's label

/**
 * Draw lines: {name, class, points: [{atS, value}]}; null values are gaps. `nowS` is the right
 * edge, `minTop` the least top of the scale, `format` writes a value.
 */
export function drawLineChart(host, lines, { nowS, format, minTop, emptyText }) {
  const values = lines.flatMap((line) => line.points.map((point) => point.value))
    .filter((value) => value !== null);
  if (values.length === 0) {
    showEmpty(host, emptyText);
    return;
  }
  const width = host.clientWidth;
  const top = niceTop(Math.max(minTop, ...values));
  const x = (atS) => width * (1 - (nowS - atS) / SPAN_S);
  const y = (value) => AXIS_Y - (AXIS_Y - TOP_Y) * value / top;
  const ends = lines.map((line) => `${line.name} ${format(line.points.at(-1)?.value ?? NaN)}`);
  const svg = svgElement(
    "svg", { width, height: HEIGHT, role: "img", "aria-label": `now: ${ends.join(", ")}` },
    gridLines(width, y, top, format),
    lines.map((line) => svgElement(
      "path", { class: `line ${line.class}`, d: pathData(line.points, x, y) })),
    timeMarks(width, AXIS_Y));
  host.replaceChildren(svg, element("p", { class: "legend" },
    lines.map((line, k) => element("span", { class: line.class }, ends[k]))));
}

/** 1, 2 or 5 times a power of ten, at least `value`. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((k) => k * power).find((top) => top >= value * 0.999);
}

/** At zero, half and top; the last two with their value. */
function gridLines(width, y, top, format) {
  return [0, 0.5, 1].flatMap((share) => {
    const at = y(top * share);
    const label = svgElement("text", { class: "axis", x: 0, y: at - 3 }, format(top * share));
    const line = svgElement("line", { class: "grid", x1: 0, x2: width, y1: at, y2: at });
    return share ? [line, label] : [line];
  });
}

function pathData(points, x, y) {
  let command = "M";
  return points.map(({ atS, value }) => {
    if (value === null) {
      command = "M";
      return "";
    }
    const step = `${command}${x(atS).toFixed(1)} ${y(value).toFixed(1)}`;
    command = "L";
    return step;
  }).join("");
}
