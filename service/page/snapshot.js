// One snapshot of what the service has counted for a pair of networks.

import { modelPath, request } from "./api.js";
import { readExposition } from "./exposition.js";
import { foldLeaves } from "./leaves.js";

/**
 * `snapshot`, {atS, startedS, fff, dense, leaves}: the page's own clock, the process' start time,
 * both networks' metrics, and the FFF's leaves, folded. `dense` is null where no name of one is
 * given. Beside it `perLeaf`, the rows of every leaf: too many to be kept.
 */
export async function fetchSnapshot(fff, dense) {
  const [exposition, leaves] = await Promise.all([
    request("/metrics"), request(`${modelPath(fff)}/leaves`)]);
  const { startedS, models } = readExposition(exposition, dense ? [fff, dense] : [fff]);
  const [layer] = leaves.layers;
  const snapshot = {
    atS: performance.now() / 1000,
    startedS,
    fff: models[fff],
    dense: dense ? models[dense] : null,
    leaves: { ...layer, rows: foldLeaves(layer.rows), shares: foldLeaves(layer.shares) },
  };
  return { snapshot, perLeaf: layer.rows };
}
