// From a drawing to the pixels of the data set that the network was trained on.

import { plural } from "./text.js";

export const PAD_SIDE = 280;    // px of the drawing
export const PEN = 30;          // px: about 1.2 of 8 pixels and 3 of 28, as wide as those data sets' strokes
const MAGNIFY = 3;       // most a small drawing grows by: a dot stays a dot

/** How a model takes pixels: {side, top}, or {reason} why it takes none. */
export function pixelForm(manifest) {
  const side = Math.sqrt(manifest.input_width);
  if (!Number.isInteger(side) || side < 4) {
    return { reason: `This model takes ${plural(manifest.input_width, "number")} a row, which is `
      + "no square of pixels: send rows to its predict path." };
  }
  if (!manifest.uint8) {
    return { reason: "This model's manifest has no uint8 scaling, so it takes no pixels: "
      + "import it with --uint8-scale and --uint8-shift, or send numbers to its predict path." };
  }
  const white = Math.round((1 - manifest.uint8.shift) / manifest.uint8.scale);  // scaled, it is 1
  return { side, top: Math.max(1, Math.min(255, white || 255)) };
}

/** The drawing's edges, {x0, y0, x1, y1}, and centre of mass, {x, y}; null without ink. */
function extent(ink, width) {
  const box = { x0: Infinity, y0: Infinity, x1: -1, y1: -1, x: 0, y: 0 };
  let mass = 0;
  ink.forEach((value, k) => {
    if (value < 0.2) return;
    const x = k % width, y = Math.floor(k / width);
    box.x0 = Math.min(box.x0, x);
    box.x1 = Math.max(box.x1, x + 1);
    box.y0 = Math.min(box.y0, y);
    box.y1 = Math.max(box.y1, y + 1);
    box.x += value * (x + 0.5);
    box.y += value * (y + 0.5);
    mass += value;
  });
  return mass ? { ...box, x: box.x / mass, y: box.y / mass } : null;
}

/**
 * Scale and centre a drawing as the data sets do, and average it down to side x side pixels.
 * MNIST: in a box of 20 of 28, centre of mass in the middle. The digits of scikit-learn (8 x 8):
 * as tall as the image, 6.5 wide at most, in the middle of the box: measured over all 1,797, rows 0
 * and 7 always have ink and columns 0 and 7 one time in ten.
 * `ink` is 0 to 1, row by row; the answer is integers from 0 to top.
 */
export function normalised(ink, width, side, top) {
  const box = extent(ink, width);
  if (!box) return new Array(side * side).fill(0);
  const small = side < 20;
  const [wide, tall] = small ? [0.81 * side, side] : [side * 20 / 28, side * 20 / 28];
  const step = Math.max((box.x1 - box.x0) / wide, (box.y1 - box.y0) / tall,
    width / side / MAGNIFY);  // drawing px a pixel
  const [x, y] = small ? [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] : [box.x, box.y];
  const left = x - step * side / 2, above = y - step * side / 2;
  const inkAt = (atX, atY) => (
    atX >= 0 && atX < width && atY >= 0 && atY < width ? ink[atY * width + atX] : 0);
  const fine = Math.ceil(step);
  return Array.from({ length: side * side }, (_, pixel) => {
    const fromX = left + step * (pixel % side), fromY = above + step * Math.floor(pixel / side);
    let sum = 0;
    for (let i = 0; i < fine; i += 1) {
      for (let j = 0; j < fine; j += 1) {
        sum += inkAt(Math.floor(fromX + step * (j + 0.5) / fine),
          Math.floor(fromY + step * (i + 0.5) / fine));
      }
    }
    return Math.round(top * sum / fine ** 2);
  });
}

/** Luminance of an image as ink from 0 to 1: what differs from its border is ink. */
export function inkOf({ data, width, height }) {
  const light = Array.from({ length: width * height }, (_, k) => {
    const [r, g, b, a] = data.subarray(4 * k, 4 * k + 4);
    return (0.299 * r + 0.587 * g + 0.114 * b) * a / 255 + 255 - a;  // on white paper
  });
  const border = light.filter((_, k) => {
    const x = k % width, y = Math.floor(k / width);
    return x === 0 || y === 0 || x === width - 1 || y === height - 1;
  });
  const paper = border.sort((a, b) => a - b)[border.length >> 1];
  const most = light.reduce((far, value) => Math.max(far, Math.abs(value - paper)), 1);
  return light.map((value) => Math.abs(value - paper) / most);
}
