// Colours of a map: values on an even scale, territories of leaves, both legible in light and dark.

import { between, hexRgb } from "./colour_scale.js";

// cividis (Nuñez, Anderton and Renslow, 2018): even in lightness, alike to all kinds of sight
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74",
  "#c3b369", "#e1cc55", "#fee838"].map(hexRgb);
const LIGHTNESSES = [0.58, 0.78, 0.68, 0.88];  // of territories side by side in the tree
const CHROMA = 0.09;
const HUES = 330;  // degrees, from the first territory to the last

export function valueRgb(position) {
  return between(CIVIDIS, position);
}

/** A territory of `count`: its hue is its place in the tree, so those of a subtree are akin. */
export function territoryRgb(territory, count) {
  const hue = 20 + HUES * (territory + 0.5) / count;
  return oklchRgb(LIGHTNESSES[territory % LIGHTNESSES.length], CHROMA, hue * Math.PI / 180);
}

/** Ottosson's OKLCH, equal in lightness and chroma to the eye, in sRGB. */
function oklchRgb(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue), b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((light) => {
    const c = Math.max(0, Math.min(1, light));
    return Math.round(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055));
  });
}
