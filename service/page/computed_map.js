// A map as one network computes it: every cell a row, asked for in pieces, coarse cells first.

import { inferBinary, rowsPerRequest } from "./binary_infer.js";
import { hasLeaves } from "./field.js";

const IN_FLIGHT = 3;  // requests: the service is kept busy, and other rows come between
const COARSE = 8;     // cells, the side of a square of the first pass

export class ComputedMap {
  /** `onProgress` is called as cells are filled. */
  constructor(network, grid, onProgress) {
    Object.assign(this, { network, grid, onProgress });
    this.values = network.targets.map(() => new Float32Array(grid.cells).fill(NaN));
    this.leaves = hasLeaves(network) ? new Int32Array(grid.cells).fill(-1) : null;
    this.rows = 0;        // computed so far
    this.tookS = null;    // of all of them, once there are all
    this.error = null;    // why there are not
    this.stopped = false;
  }

  async compute() {
    if (this.stopped) return;
    const startMs = performance.now();
    try {
      this.most = await rowsPerRequest(this.network.name);
      await this.pass(this.grid.squares(COARSE));
      await this.pass(this.grid.shuffled().map((cell) => ({ middle: cell, cells: [cell] })));
      if (!this.stopped) this.tookS = (performance.now() - startMs) / 1000;
    } catch (error) {
      this.error = error;
    }
    this.onProgress();
  }

  stop() {
    this.stopped = true;
  }

  /** Compute the middle of each square, and fill its cells with that. */
  async pass(squares) {
    let next = 0;
    const askOn = async () => {
      while (next < squares.length && !this.stopped) {
        const piece = squares.slice(next, next + this.most);
        next += this.most;
        this.fill(piece, await this.ask(piece));
        this.onProgress();
      }
    };
    try {
      await Promise.all(Array.from({ length: IN_FLIGHT }, askOn));
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  ask(piece) {
    const rows = this.grid.rowsOf(this.network, piece.map(({ middle }) => middle));
    const outputs = this.leaves ? ["logits", "leaf"] : ["logits"];
    return inferBinary(this.network.name, rows, 2, outputs);
  }

  fill(piece, { logits, leaf }) {
    this.rows += piece.length;
    const width = this.values.length;
    piece.forEach(({ cells }, row) => {
      for (const cell of cells) {
        this.values.forEach((values, target) => { values[cell] = logits[row * width + target]; });
        if (this.leaves) this.leaves[cell] = leaf[row];
      }
    });
  }
}
