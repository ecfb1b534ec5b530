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

/** Offer [value, text] pairs, unless they are offered already; what was chosen stays if it can. */
export function showOptions(select, options) {
  const shown = [...select.options].map((option) => [option.value, option.textContent]);
  if (JSON.stringify(shown) === JSON.stringify(options)) return;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

/** Say in a chart's place why there is no chart. */
export function showEmpty(host, text) {
  const shown = host.querySelector("p.empty");
  if (shown) setText(shown, text);
  else host.replaceChildren(element("p", { class: "empty" }, text));
}
