// What is said beside a map: how it is read, what it cost, and whose rows its traffic is.

import { formatCount, formatDuration, formatNumber, formatValue } from "./format.js";

/** How the map lies, and how it is used; `x` and `y` are a grid's axes. */
export function helpText(x, y) {
  const ends = ({ from, to, ...axis }) => `${formatValue(from, axis)} to ${formatValue(to, axis)}`;
  return `${x.name} from left to right, ${ends(x)}; ${y.name} from top to bottom, ${ends(y)}. `
    + "Click a point, or move by arrow keys (ten cells with shift) and ask with Enter: within "
    + "the circle, the margin, no decision changes. Cells are computed as requests are, and "
    + "counted as rows; tree, leaves over time and drift count only the points asked about.";
}

/** How many rows a map has taken, and how long. */
export function progressText({ network, rows, tookS, most, grid, error }) {
  if (error) return `${network.name}: stopped after ${formatCount(rows, "row")}.`;
  if (tookS === null) {
    return `${network.name}: ${formatNumber(rows)} rows of about ${formatNumber(grid.cells)} …`;
  }
  return `${network.name}: ${formatCount(rows, "row")} over HTTP in ${formatDuration(tookS)}, `
    + `${formatNumber(Math.round(rows / tookS))} rows/s, up to ${formatNumber(most)} a request.`;
}

/** Others' rows since the first reading, or that there are none. */
export function trafficText({ since, rows }, name) {
  if (!since) return "Reading the leaves …";
  const from = `since ${since.toLocaleTimeString()}`;
  return rows ? `${formatCount(rows, "live row")} ${from}; cells of maps are not counted.`
    : `No traffic yet ${from}: send rows to v1/models/${encodeURIComponent(name)}/predict, `
      + "or click. Cells of maps are not counted.";
}
