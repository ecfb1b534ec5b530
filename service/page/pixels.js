// Pixels as a network takes them: integers from 0 to a maximum, row by row.

import { formatCount } from "./format.js";

/** A model's pixels, {side, max} of a square, or {reason} why it takes none. */
export function pixelFormat(manifest) {
  const [channels, ...sides] = manifest.input_shape?.length === 3 ? manifest.input_shape : [1];
  if (channels !== 1 || sides[0] !== sides[1]) {
    return { reason: `This model takes images of ${manifest.input_shape.join(" x ")} numbers, `
      + "which cannot be drawn here: send them to its predict path." };
  }
  const side = Math.sqrt(manifest.input_width);
  if (!Number.isInteger(side) || side < 4) {
    return { reason: `This model takes ${formatCount(manifest.input_width, "number")} a row, which `
      + "is no square of pixels: send rows to its predict path." };
  }
  if (!manifest.uint8) {
    return { reason: "This model's manifest has no uint8 scaling, so it takes no pixels: "
      + "import it with --uint8-scale and --uint8-shift, or send numbers to its predict path." };
  }
  const white = Math.round((1 - manifest.uint8.shift) / manifest.uint8.scale);  // scaled, it is 1
  return { side, max: Math.max(1, Math.min(255, white || 255)) };
}

/** What can be drawn for a model: of ten classes, a digit; null where it takes no pixels. */
export function drawable(manifest) {
  if (pixelFormat(manifest).reason) return null;
  return manifest.output_width === 10 ? "a digit" : "an image";
}

/** Fill squares on a canvas `size` px wide, opaque where a pixel is at its maximum. */
export function drawPixels(context, pixels, { side, max }, size) {
  const cell = size / side;
  pixels.forEach((value, k) => {
    context.globalAlpha = Math.min(1, value / max);
    context.fillRect(cell * (k % side), cell * Math.floor(k / side), cell, cell);
  });
  context.globalAlpha = 1;
}
