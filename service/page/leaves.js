// Leaves and nodes of a tree: sums over subtrees, and what a leaf is called.

import { formatNumber } from "./format.js";

export const MAX_SHOWN_LEAVES = 64;  // a row of the heat map stays 4 px high

/** Sums over subtrees of equal size, so that at most MAX_SHOWN_LEAVES are left. */
export function foldLeaves(perLeaf) {
  const size = Math.max(1, perLeaf.length / MAX_SHOWN_LEAVES);
  const sums = new Array(perLeaf.length / size).fill(0);
  perLeaf.forEach((value, leaf) => { sums[Math.floor(leaf / size)] += value; });
  return sums;
}

/** Shares of all nodes in heap order (children of k: 2k + 1, 2k + 2), from those of the leaves. */
export function nodeShares(leafShares) {
  const internal = leafShares.length - 1;
  const shares = [...new Array(internal).fill(0), ...leafShares];
  for (let node = internal - 1; node >= 0; node -= 1) {
    shares[node] = shares[2 * node + 1] + shares[2 * node + 2];
  }
  return shares;
}

/** "leaf 6", or "leaves 512 to 1,023" where so many of `leafCount` are shown as one. */
export function leafName(shownLeaf, shownCount, leafCount) {
  const size = leafCount / shownCount;
  const first = shownLeaf * size;
  return size === 1 ? `leaf ${shownLeaf}`
    : `leaves ${formatNumber(first)} to ${formatNumber(first + size - 1)}`;
}
