// What both networks predict for one row of pixels.

import { modelPath, request } from "./api.js";

/**
 * {fff, dense, explanation}: both with class and probabilities, the FFF with leaf, margin and path,
 * or of a network with those of its layers' tokens; `dense` null where no name of one is given.
 */
export async function predictBoth(fff, dense, pixels) {
  const [explanation, denseResult] = await Promise.all([
    request(`${modelPath(fff)}/explain`, { inputs: [pixels], datatype: "UINT8" }),
    dense ? inferClass(dense, pixels) : null,
  ]);
  const [row] = explanation.rows;
  return {
    fff: { ...row, probabilities: softmax(row.logits) },
    dense: denseResult,
    explanation,
  };
}

async function inferClass(model, pixels) {
  const { outputs } = await request(`/v2/models/${encodeURIComponent(model)}/infer`, {
    inputs: [{ name: "input", datatype: "UINT8", shape: [1, pixels.length], data: pixels }],
    outputs: [{ name: "class" }, { name: "probabilities" }],
  });
  const data = Object.fromEntries(outputs.map((output) => [output.name, output.data]));
  return { class: data.class[0], probabilities: data.probabilities };
}

/** Probabilities of classes. */
export function softmax(logits) {
  const max = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - max));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}
