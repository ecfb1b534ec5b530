// Rows computed as bytes: the binary form of the Open Inference Protocol, for many rows at a time.

import { request, requestBinary } from "./api.js";

const ARRAYS = { FP32: Float32Array, INT32: Int32Array, INT64: BigInt64Array };
const MOST_ROWS = 4096;

/**
 * What a network answers to `rows`, a Float32Array of rows `width` wide: arrays by output. No leaf
 * statistics count them: a picture of a network is no traffic.
 */
export async function inferBinary(name, rows, width, outputs) {
  const parameters = { binary_data_size: rows.byteLength };
  const [{ outputs: described }, bytes] = await requestBinary(`${v2Path(name)}/infer`, {
    inputs: [{ name: "input", datatype: "FP32", shape: [rows.length / width, width], parameters }],
    parameters: { leaf_statistics: false },
    outputs: outputs.map((output) => ({ name: output, parameters: { binary_data: true } })),
  }, rows);
  let start = 0;
  return Object.fromEntries(described.map((output) => {
    const end = start + output.parameters.binary_data_size;
    const array = new ARRAYS[output.datatype](bytes.slice(start, end));
    start = end;
    return [output.name, array];
  }));
}

/** How many rows of a network one request may hold, MOST_ROWS at most. */
export async function rowsPerRequest(name) {
  const { max_batch_size: most } = await request(`${v2Path(name)}/config`);
  return Math.min(MOST_ROWS, most);
}

function v2Path(name) {
  return `/v2/models/${encodeURIComponent(name)}`;
}
