// Elements of the document: what the service sent becomes text nodes here and never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Set attributes; those that are null or undefined are left out. */
export function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
}

function filled(node, attributes, children) {
  setAttributes(node, attributes);
  node.append(...children.flat().filter((child) => child !== null).map(
    (child) => (child instanceof Node ? child : String(child))));  // append makes strings text
  return node;
}

/** An HTML element; children are nodes or text, null ones are left out. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svgElement(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(id) {
  return document.getElementById(id);
}

/** Set text only where it changed: a live region speaks when its text is set. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Say in a chart's place why there is no chart. */
export function showEmpty(host, text) {
  const shown = host.querySelector("p.empty");
  if (shown) setText(shown, text);
  else host.replaceChildren(element("p", { class: "empty" }, text));
}
