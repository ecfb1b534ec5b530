// What a number of dead leaves means: few rows leave many leaves without one by chance.

import { formatCount, formatNumber } from "./format.js";

const ROWS_A_LEAF = Math.log(10);  // with fewer, chance leaves a tenth of even leaves without any

/** How far back that looks, and how many leaves chance alone would leave without a row. */
export function deadLeavesNote(
  { leaves: leafCount, window_rows: rows, expected_dead: expected, unit = "row" }) {
  if (!rows) return `no ${unit}s yet`;
  const behind = `in the last ${formatCount(rows, unit)}`;
  const chance = Number.isFinite(expected)
    ? `; by chance about ${formatNumber(expected < 0.01 ? 0 : expected, 2)}` : "";
  const few = rows < leafCount * ROWS_A_LEAF ? ", too few to tell" : "";
  return `${behind}${few}${chance}`;
}
