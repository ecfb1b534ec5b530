// Two histograms on one axis: the FFF's bars rise from it, the dense twin's hang below.

import { quantile, quantilePlace } from "./exposition.js";
import { element, number, say, shape } from "./text.js";

const BAR_AREA = 74;   // px, a side
const AXIS = 18;       // px between them: the bounds' labels stand there

/** Buckets to draw: those in use and one more on each side; at least six. */
function usedBuckets(sides) {
  const used = sides.flatMap((side) => side.counts.flatMap((count, k) => (count > 0 ? [k] : [])));
  let first = Math.max(0, Math.min(...used) - 1);
  let last = Math.min(sides[0].counts.length - 1, Math.max(...used) + 1);
  while (last - first < 5 && (first > 0 || last < sides[0].counts.length - 1)) {
    first = Math.max(0, first - 1);
    last = Math.min(sides[0].counts.length - 1, last + 1);
  }
  return { first, last };
}

function summary(name, histogram, format) {
  if (!(histogram.total > 0)) return `${name}: nothing`;
  return `${name}: median ${format(quantile(histogram, 0.5))}, `
    + `99 % up to ${format(quantile(histogram, 0.99))}, ${number(histogram.total)} counted`;
}

/**
 * Draw both sides, each as shares of its own count, with lines at median and 99 %.
 * `sides` is [fff, dense], dense null where there is none; `format` writes a bound.
 */
export function drawHistogram(host, sides, format, emptyText) {
  const present = sides.filter((side) => side !== null);
  if (!present.some((side) => side.total > 0)) return empty(host, emptyText);
  const { first, last } = usedBuckets(present);
  const width = host.clientWidth, step = width / (last - first + 1);
  const share = (side, k) => (side.total > 0 ? side.counts[k] / side.total : 0);
  const buckets = Array.from({ length: last - first + 1 }, (_, k) => first + k);
  const top = Math.max(...present.flatMap((side) => buckets.map((k) => share(side, k))));
  const height = 2 * BAR_AREA + AXIS;
  const names = ["FFF", "dense"];
  const label = sides.map((side, k) => (side ? summary(names[k], side, format) : null))
    .filter(Boolean).join("; ");
  const svg = shape("svg", { width, height, role: "img", "aria-label": label });
  sides.forEach((side, down) => {
    if (!side) return;
    const foot = down ? BAR_AREA + AXIS : BAR_AREA;
    for (const k of buckets) {
      const tall = share(side, k) / top * (BAR_AREA - 16);  // 16: the quantiles' labels
      if (tall === 0) continue;
      svg.append(shape("rect", {
        class: names[down], x: (k - first) * step + 1, width: Math.max(1, step - 2),
        y: down ? foot : foot - Math.max(1, tall), height: Math.max(1, tall),
      }));
    }
    svg.append(...quantileMarks(side, first, step, down, width));
    const y = down ? height - 3 : 11;
    svg.append(shape("text", { class: `${names[down]} name`, x: 0, y }, names[down]));
  });
  svg.append(...bounds(present[0], first, last, step, format));
  host.replaceChildren(svg);
}

function quantileMarks(side, first, step, down, width) {
  const marks = [[0.5, "median"], [0.99, "99 %"]].map(([q, text]) => {
    const place = quantilePlace(side, q);
    return place && { text, x: (place.bucket - first + place.part) * step };
  }).filter(Boolean);
  const near = marks.length === 2 && marks[1].x - marks[0].x < 62;
  const [y1, y2] = down ? [BAR_AREA + AXIS, 2 * BAR_AREA + AXIS - 14] : [14, BAR_AREA];
  return marks.flatMap(({ text, x }, k) => {
    const hidden = near && k === 0;  // no room for both: the tail's stays
    const anchor = x > width - 30 ? "end" : "middle";
    return [
      shape("line", { class: "mark", x1: x, x2: x, y1, y2 }),
      hidden ? null : shape("text", {
        class: "mark", x: Math.max(x, 52), "text-anchor": anchor, y: down ? y2 + 11 : 11 }, text),
    ].filter(Boolean);
  });
}

/** The axis' labels: upper bounds of some buckets, 64 px apart or more. */
function bounds(histogram, first, last, step, format) {
  const every = Math.max(1, Math.ceil(64 / step));
  const marks = [];
  for (let k = first + every - 1; k < last; k += every) {
    const x = (k - first + 1) * step;
    marks.push(shape("line", { class: "axis", x1: x, x2: x, y1: BAR_AREA, y2: BAR_AREA + 3 }));
    marks.push(shape("text", { class: "axis", x, y: BAR_AREA + 13, "text-anchor": "middle" },
      format(histogram.bounds[k])));
  }
  return marks;
}

export function empty(host, text) {
  const said = host.querySelector("p.empty");
  if (said) say(said, text);
  else host.replaceChildren(element("p", { class: "empty" }, text));
}
