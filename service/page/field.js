// What a field is: a regression of two numbers, which is a map, and the networks that draw it.

import { formatKind } from "./format.js";

/**
 * {model, inputs, targets, networks, data} of an FFF, or null where it is no field. `networks` are
 * all that are served with its inputs and targets, itself first; `data` is a raster among them, or
 * null, and comes last.
 */
export function fieldOf(model, models) {
  const { task, inputs, targets } = model;
  const flat = inputs?.length === 2 && inputs.every((column) => column.type === "number");
  if (task !== "regression" || !flat || isNetwork(model)) return null;
  const asked = question(model);
  const others = models.filter((other) => other.name !== model.name && question(other) === asked);
  const data = others.find(({ kind }) => kind === "raster") ?? null;
  const rivals = others.filter((other) => other !== data);
  const networks = [model, ...rivals, ...(data ? [data] : [])];
  return { model, inputs, targets, networks, data };
}

/** Inputs and targets by name and unit: networks that share them answer the same question. */
function question({ inputs, targets }) {
  const named = (columns) => columns?.map(({ name, unit }) => [name, unit]) ?? null;
  return JSON.stringify([named(inputs), named(targets)]);
}

/** What identifies a network's numbers, other versions of it included. */
export function networkKey({ name, version, manifest }) {
  return JSON.stringify([name, version, manifest.sha256]);
}

/** "terrain-fourier (multilayer)". */
export function networkLabel({ name, kind }) {
  return `${name} (${kind === "raster" ? "the data" : formatKind(kind)})`;
}

/** Whether its leaves are territories of a map: those of a network's layers are none. */
export function hasLeaves(model) {
  return model.kind === "fff" && !isNetwork(model);
}

function isNetwork({ manifest }) {
  return manifest?.kind === "network";
}

/** A row as a network takes it, of a point in the columns' units. */
export function encodePoint({ inputs }, point) {
  return inputs.map(({ offset, scale }, k) => (point[k] - offset) / scale);
}
