// What every network of a field says of one point, beside the data, and how the FFF came to it.

import { modelPath, request } from "./api.js";
import { inferBinary } from "./binary_infer.js";
import { element } from "./dom.js";
import { encodePoint, networkLabel } from "./field.js";
import { formatPlace, formatValue } from "./format.js";
import { pathDetails, routeText, tableHead } from "./route.js";

const CERTAIN = 5;  // significant digits of a value

/** {point, explained, leafCount, values}: the FFF's explanation, and values by network's name. */
export async function askField(field, point) {
  const { model, networks } = field;
  const [explanation, ...others] = await Promise.all([
    request(`${modelPath(model.name)}/explain`, { inputs: [encodePoint(model, point)] }),
    ...networks.slice(1).map((network) => valuesOf(network, point)),
  ]);
  const [explained] = explanation.rows;
  const values = Object.fromEntries(
    [explained.logits, ...others].map((value, k) => [networks[k].name, value]));
  return { point, explained, leafCount: explanation.leaves, values };
}

async function valuesOf(network, point) {
  const row = Float32Array.from(encodePoint(network, point));
  const { logits } = await inferBinary(network.name, row, row.length, ["logits"]);
  return [...logits];
}

/** Show an answer, of one target: its index and what it is called. */
export function showFieldAnswer(host, field, answer, target) {
  const { explained, leafCount, values } = answer;
  const path = pathDetails(explained.path, host);
  const truth = field.data && values[field.data.name][target.index];
  host.replaceChildren(
    element("h3", {}, pointText(field.inputs, answer.point)),
    element("table", { class: "values" },
      tableHead(["network", target.name, ...(field.data ? ["error"] : [])]),
      element("tbody", {}, field.networks.map(
        (network) => valueRow(network, values[network.name][target.index], truth, target)))),
    element("p", { class: "route" }, routeText(explained, leafCount)), ...path);
}

function valueRow(network, value, truth, target) {
  const error = network.kind === "raster" ? "–" : signed(value - truth, target);
  return element("tr", {},
    element("th", { scope: "row" }, networkLabel(network)),
    element("td", {}, formatValue(value, target, CERTAIN)),
    truth === null ? null : element("td", {}, error));
}

function signed(value, target) {
  return `${value < 0 ? "−" : "+"}${formatValue(Math.abs(value), target, 3)}`;
}

/** "x 0.1 m, y 0.2 m". */
export function pointText(inputs, point) {
  return inputs.map((column, k) => `${column.name} ${formatPlace(point[k], column)}`).join(", ");
}
