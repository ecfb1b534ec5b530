// A field for every column of a table: a number with its unit, or one of a category's names.

import { element } from "./dom.js";
import { formatNumber, formatValue } from "./format.js";

/** A labelled control for each column. */
export function columnFields(columns) {
  return columns.map((column) => element("label", {}, columnLabel(column),
    column.type === "category" ? categorySelect(column) : numberInput(column)));
}

/** The row that the controls of a form hold, by the columns' names; what is no number is null. */
export function rowOf(columns, form) {
  return Object.fromEntries(columns.map(({ name, type }) => {
    const control = form.elements.namedItem(name);
    return [name, type === "category" ? control.value : control.valueAsNumber];
  }));
}

function columnLabel({ name, unit }) {
  return unit ? `${name} in ${unit}` : name;
}

function categorySelect({ name, values }) {
  return element("select", { name }, values.map((value) => element("option", {}, value)));
}

/** Begins in the middle of what the network learnt from; that range is its hint. */
function numberInput({ name, unit, offset, low, high }) {
  const known = low !== null && high !== null;
  const hint = known ? `learnt from ${formatNumber(low)} to ${formatValue(high, { unit })}` : null;
  const middle = Number((known ? (low + high) / 2 : offset ?? 0).toPrecision(3));
  return element("input", { name, type: "number", step: "any", value: middle, title: hint,
    placeholder: hint });
}
