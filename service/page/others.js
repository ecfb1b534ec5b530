// Which FFF the address names, and links to the others: a newcomer sees what else there is.

import { element } from "./dom.js";
import { fieldOf } from "./field.js";
import { drawable } from "./pixels.js";

const MOST = 4;  // links; beyond them there is the list

/** The model after `#model=` in the page's address, or null. */
export function modelInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("model");
}

/** Let the address name a model, so that it can be kept and sent; nothing is loaded. */
export function putInAddress(name) {
  history.replaceState(null, "", addressOf(name));
}

/** Link to every FFF but the one shown, by what the page has of it; nothing where it is alone. */
export function showOthers(host, models, shown) {
  const others = models.filter(({ kind, name }) => kind === "fff" && name !== shown.name);
  const links = others.slice(0, MOST).map((model) => [model.name, panelOf(model, models)]);
  const key = JSON.stringify(links);
  host.hidden = links.length === 0;
  if (host.dataset.links === key) return;  // a link that has the focus keeps it
  host.dataset.links = key;
  host.replaceChildren("also here: ", ...links.flatMap(([name, panel], k) => [
    k ? ", " : "", element("a", { href: addressOf(name) }, name), panel ? ` (${panel})` : ""]));
}

function addressOf(name) {
  return `#${new URLSearchParams({ model: name })}`;
}

function panelOf(model, models) {
  const field = fieldOf(model, models);
  if (field) return `a map of ${field.targets.map(({ name }) => name).join(", ")}`;
  const image = model.inputs ? null : drawable(model.manifest);
  return image && `draw ${image}`;
}
