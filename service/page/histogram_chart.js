// Two histograms on one axis: the FFF's bars rise from it, its baseline's hang below.

import { showEmpty, svgElement } from "./dom.js";
import { formatNumber } from "./format.js";
import { quantile, quantilePosition } from "./histogram.js";

const BAR_AREA = 74;       // px, above and below
const AXIS = 18;           // px between the two: the bounds' labels stand there
const HEIGHT = 2 * BAR_AREA + AXIS;
const QUANTILE_LABEL = 16; // px that no bar reaches into
const MIN_BUCKETS = 6;
const LABEL_SPACE = 64;    // px from one bound's label to the next, at least
const CLASSES = ["FFF", "dense"];

/**
 * Draw both, each as shares of its own count, with lines at median and 99 %.
 * `histograms` is [fff, dense], dense null where there is none; `labels` is what both are called;
 * `format` writes a bound.
 */
export function drawHistogramChart(host, histograms, labels, format, emptyText) {
  const present = histograms.filter((histogram) => histogram !== null);
  if (!present.some((histogram) => histogram.total > 0)) {
    showEmpty(host, emptyText);
    return;
  }
  const scale = scaleOf(present, host.clientWidth);
  const names = [labels.fff, labels.dense];
  const label = histograms.flatMap(
    (histogram, k) => (histogram ? [summary(names[k], histogram, format)] : [])).join("; ");
  host.replaceChildren(svgElement(
    "svg", { width: scale.width, height: HEIGHT, role: "img", "aria-label": label },
    histograms.map((histogram, k) => (
      histogram ? network(histogram, scale, k === 1, names[k]) : [])).flat(),
    boundLabels(present[0].bounds, scale, format)));
}

function summary(name, histogram, format) {
  if (!(histogram.total > 0)) return `${name}: nothing`;
  return `${name}: median ${format(quantile(histogram, 0.5))}, `
    + `99 % up to ${format(quantile(histogram, 0.99))}, ${formatNumber(histogram.total)} counted`;
}

/** The buckets drawn, a bucket's width in px, and the share that the tallest bar stands for. */
function scaleOf(histograms, width) {
  const { first, last } = usedBuckets(histograms);
  const buckets = Array.from({ length: last - first + 1 }, (_, k) => first + k);
  const shares = histograms.flatMap((histogram) => buckets.map((k) => shareOf(histogram, k)));
  return { width, first, last, buckets, step: width / buckets.length, top: Math.max(...shares) };
}

function shareOf(histogram, bucket) {
  return histogram.total > 0 ? histogram.counts[bucket] / histogram.total : 0;
}

/** Buckets in use and one more at each end; at least MIN_BUCKETS. */
function usedBuckets(histograms) {
  const used = histograms.flatMap(
    ({ counts }) => counts.flatMap((count, k) => (count > 0 ? [k] : [])));
  const end = histograms[0].counts.length - 1;
  let first = Math.max(0, Math.min(...used) - 1);
  let last = Math.min(end, Math.max(...used) + 1);
  while (last - first + 1 < MIN_BUCKETS && (first > 0 || last < end)) {
    first = Math.max(0, first - 1);
    last = Math.min(end, last + 1);
  }
  return { first, last };
}

/** One network's bars, quantiles and name. */
function network(histogram, scale, below, name) {
  const side = CLASSES[below ? 1 : 0];
  return [
    ...bars(histogram, scale, below, side),
    ...quantileMarks(histogram, scale, below),
    svgElement("text", { class: `${side} name`, x: 0, y: below ? HEIGHT - 3 : 11 }, name),
  ];
}

function bars(histogram, { first, buckets, step, top }, below, side) {
  return buckets.flatMap((bucket) => {
    const share = shareOf(histogram, bucket);
    if (share === 0) return [];
    const height = Math.max(1, share / top * (BAR_AREA - QUANTILE_LABEL));
    return [svgElement("rect", {
      class: side, x: (bucket - first) * step + 1, width: Math.max(1, step - 2),
      y: below ? BAR_AREA + AXIS : BAR_AREA - height, height,
    })];
  });
}

function quantileMarks(histogram, { width, first, step }, below) {
  const marks = [[0.5, "median"], [0.99, "99 %"]].flatMap(([q, text]) => {
    const position = quantilePosition(histogram, q);
    return position ? [{ text, x: (position.bucket - first + position.fraction) * step }] : [];
  });
  const close = marks.length === 2 && marks[1].x - marks[0].x < 62;
  const [y1, y2] = below ? [BAR_AREA + AXIS, HEIGHT - 14] : [14, BAR_AREA];
  return marks.flatMap(({ text, x }, k) => {
    const line = svgElement("line", { class: "mark", x1: x, x2: x, y1, y2 });
    if (close && k === 0) return [line];  // no room for both labels: the tail's stays
    return [line, svgElement("text", {
      class: "mark", x: Math.max(x, 52), "text-anchor": x > width - 30 ? "end" : "middle",
      y: below ? y2 + 11 : 11 }, text)];
  });
}

/** Upper bounds of some buckets, LABEL_SPACE apart or more. */
function boundLabels(bounds, { first, last, step }, format) {
  const every = Math.max(1, Math.ceil(LABEL_SPACE / step));
  const labels = [];
  for (let bucket = first + every - 1; bucket < last; bucket += every) {
    const x = (bucket - first + 1) * step;
    labels.push(
      svgElement("line", { class: "axis", x1: x, x2: x, y1: BAR_AREA, y2: BAR_AREA + 3 }),
      svgElement("text", { class: "axis", x, y: BAR_AREA + 13, "text-anchor": "middle" },
        format(bounds[bucket])));
  }
  return labels;
}
