// The cells of a map: where they lie in the inputs' units, and where a point lies on the map.

import { encodePoint } from "./field.js";

const MOST_CELLS = 40_000;
const CELL = 2;                // px, at least
const ASPECTS = [0.4, 2.5];    // of width to height, that a map may have

/** A grid over a field for a map `width` px wide. */
export class MapGrid {
  constructor(field, width) {
    this.axes = field.inputs.map(axisOf);
    this.aspect = aspectOf(field, this.axes);
    const most = Math.sqrt(MOST_CELLS * this.aspect);
    this.columns = Math.max(8, Math.floor(Math.min(width / CELL, most)));
    this.lines = Math.max(8, Math.floor(this.columns / this.aspect));
    this.cells = this.columns * this.lines;
  }

  /** The point at [across, down] of the map, both from 0 to 1. */
  pointAt(place) {
    return this.axes.map(({ from, to }, k) => from + place[k] * (to - from));
  }

  /** A distance in a network's own input units as shares of the map's width and height. */
  radii({ inputs }, distance) {
    if (distance === null) return null;
    return this.axes.map(({ from, to }, k) => (
      distance * Math.abs(inputs[k].scale / (to - from))));
  }

  placeOf(cell) {
    const column = cell % this.columns, line = Math.floor(cell / this.columns);
    return [(column + 0.5) / this.columns, (line + 0.5) / this.lines];
  }

  cellAt([across, down]) {
    const within = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    return within(down, this.lines) * this.columns + within(across, this.columns);
  }

  /** The middles of cells as rows of a network, Float32Array. */
  rowsOf(network, cells) {
    const rows = new Float32Array(2 * cells.length);
    cells.forEach((cell, k) => {
      rows.set(encodePoint(network, this.pointAt(this.placeOf(cell))), 2 * k);
    });
    return rows;
  }

  /** Every cell once, shuffled: the map becomes finer all over at once. */
  shuffled() {
    const cells = Array.from({ length: this.cells }, (_, cell) => cell);
    for (let last = cells.length - 1; last > 0; last -= 1) {
      const other = Math.floor(Math.random() * (last + 1));
      [cells[last], cells[other]] = [cells[other], cells[last]];
    }
    return cells;
  }

  /** One cell in the middle of each square of `side` x `side`, and which cells that one is. */
  squares(side) {
    const squares = [];
    for (let top = 0; top < this.lines; top += side) {
      for (let left = 0; left < this.columns; left += side) {
        squares.push(this.square(left, top, side));
      }
    }
    return squares;
  }

  square(left, top, side) {
    const right = Math.min(this.columns, left + side), bottom = Math.min(this.lines, top + side);
    const cells = [];
    for (let line = top; line < bottom; line += 1) {
      for (let column = left; column < right; column += 1) cells.push(line * this.columns + column);
    }
    const middle = ((top + bottom) >> 1) * this.columns + ((left + right) >> 1);
    return { middle, cells };
  }
}

/** Where a column begins and ends on the map: x to the right, y upwards. */
function axisOf(column, k) {
  const { name, unit, offset, scale } = column;
  const bounded = column.low !== null && column.high !== null && column.low < column.high;
  const [low, high] = bounded ? [column.low, column.high]
    : [offset - Math.abs(scale), offset + Math.abs(scale)];
  // a grid that has no coordinates counts its lines from the top, from -1 to 1
  const counted = offset === 0 && scale === 1 && low === -1 && high === 1;
  return k === 1 && !counted ? { name, unit, from: high, to: low }
    : { name, unit, from: low, to: high };
}

/** Width over height: of the data's cells where they are square, else of the units. */
function aspectOf({ data, inputs }, axes) {
  const spans = axes.map(({ from, to }) => Math.abs(to - from));
  const [lines, columns] = data?.manifest.shape ?? [1, 1];
  const units = inputs[0].unit === inputs[1].unit ? spans[0] / spans[1] : 1;
  const aspect = data ? columns / lines : units;
  return Math.max(ASPECTS[0], Math.min(ASPECTS[1], aspect));
}
