// Lines over the last minutes, with the numbers they end in.

import { empty } from "./histogram.js";
import { SPAN_S } from "./history.js";
import { element, shape } from "./text.js";

const LINES_HEIGHT = 132;
const LINES_FOOT = 18;

/** 1, 2 or 5 times a power of ten, at least `value`. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((k) => k * power).find((top) => top >= value * 0.999);
}

/** "−90 s" to "now" under a chart that ends now; `height` is where the axis is. */
export function timeMarks(width, height) {
  return [90, 60, 30, 0].flatMap((ago) => {
    const x = width * (1 - ago / SPAN_S);
    const anchor = ago === 0 ? "end" : "middle";
    return [
      shape("line", { class: "axis", x1: x, x2: x, y1: height, y2: height + 4 }),
      shape("text", { class: "axis", x, y: height + 14, "text-anchor": anchor },
        ago === 0 ? "now" : `−${ago} s`),
    ];
  });
}

/**
 * Draw lines: {name, class, points: [{at, value}]}; null values are gaps. `now` is the right
 * edge in seconds, `least` the least top of the scale.
 */
export function drawLines(host, lines, now, format, least, emptyText) {
  const values = lines.flatMap((line) => line.points.map((point) => point.value))
    .filter((value) => value !== null);
  if (values.length === 0) return empty(host, emptyText);
  const width = host.clientWidth, foot = LINES_HEIGHT - LINES_FOOT;
  const top = niceTop(Math.max(least, ...values));
  const x = (at) => width * (1 - (now - at) / SPAN_S);
  const y = (value) => foot - (foot - 12) * value / top;
  const ends = lines.map((line) => `${line.name} ${format(line.points.at(-1)?.value ?? NaN)}`);
  const svg = shape("svg", {
    width, height: LINES_HEIGHT, role: "img", "aria-label": `now: ${ends.join(", ")}` });
  for (const share of [0, 0.5, 1]) {
    const at = y(top * share);
    svg.append(shape("line", { class: "grid", x1: 0, x2: width, y1: at, y2: at }));
    if (share) svg.append(shape("text", { class: "axis", x: 0, y: at - 3 }, format(top * share)));
  }
  for (const line of lines) {
    svg.append(shape("path", { class: `line ${line.class}`, d: pathOf(line.points, x, y) }));
  }
  svg.append(...timeMarks(width, foot));
  host.replaceChildren(svg, element("p", { class: "legend" }, lines.map((line, k) => (
    element("span", { class: line.class }, ends[k])))));
}

function pathOf(points, x, y) {
  let pen = "M";
  return points.map(({ at, value }) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const step = `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}
