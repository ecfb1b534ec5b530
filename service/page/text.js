// Elements and numbers. What the server said becomes text nodes here and never markup.

const SVG = "http://www.w3.org/2000/svg";

export function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null).map(
    (child) => (child instanceof Node ? child : String(child))));  // append makes strings text
  return node;
}

export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(id) {
  return document.getElementById(id);
}

/** Set text only where it changed: a live region speaks when its text is set. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function number(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 10 ** digits || Number.isInteger(value)) {
    return Math.round(value).toLocaleString("en");
  }
  return String(Number(value.toPrecision(digits)));
}

export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const value = 100 * share;
  return `${value > 0 && value < 0.1 ? "< 0.1" : number(value, value < 10 ? 2 : 3)}\u00a0%`;
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 1e-3) return `${number(seconds * 1e6)}\u00a0µs`;
  return seconds < 1 ? `${number(seconds * 1e3)}\u00a0ms` : `${number(seconds)}\u00a0s`;
}

export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}
