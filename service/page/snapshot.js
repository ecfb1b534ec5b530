// One snapshot of what the service has counted for a pair of networks.

import { modelPath, request } from "./api.js";
import { readExposition } from "./exposition.js";
import { foldLeaves } from "./leaves.js";

/**
 * `snapshot`, {atS, startedS, fff, dense, layers}: the page's own clock, the process' start time,
 * both networks' metrics, and the leaves of the FFF's layers, folded. `dense` is null where no name
 * of one is given; `facts` are the layers as the model's description has them. Beside it `perLeaf`,
 * the rows of every leaf of the first layer: too many to be kept.
 */
export async function fetchSnapshot(fff, dense, facts) {
  const [exposition, leaves] = await Promise.all([
    request("/metrics"), request(`${modelPath(fff)}/leaves`)]);
  const { startedS, models } = readExposition(exposition, dense ? [fff, dense] : [fff]);
  const snapshot = {
    atS: performance.now() / 1000,
    startedS,
    fff: models[fff],
    dense: dense ? models[dense] : null,
    layers: leaves.layers.map((layer, k) => ({
      ...layer, unit: facts[k]?.rows > 1 ? "token" : "row",
      rows: foldLeaves(layer.rows), shares: foldLeaves(layer.shares) })),
  };
  return { snapshot, perLeaf: leaves.layers[0].rows };
}
