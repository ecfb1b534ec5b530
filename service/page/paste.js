// Pixels from elsewhere: numbers as text and images, pasted anywhere on the page.

import { formatCount } from "./format.js";
import { PAD_SIDE } from "./pad.js";
import { imageInk, normalise } from "./preprocessing.js";

/** Listen to pastes; `onFile` gets an image, `onText` a text. */
export function listenToPastes({ onFile, onText }) {
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    const text = event.clipboardData.getData("text/plain");
    if (file) onFile(file);
    else if (text && !event.target.matches?.("textarea")) onText(text);  // it reads its own input
    else return;
    event.preventDefault();
  });
}

/**
 * `count` pixels from a text: JSON (a list, nested or not, or {"inputs": …}) or numbers with
 * commas, semicolons or spaces between.
 * Throws an Error that says what was expected and what came.
 */
export function parsePixels(text, count) {
  const numbers = parseNumbers(text);
  const wrong = numbers.find((value) => !(Number.isInteger(value) && value >= 0 && value <= 255));
  if (wrong !== undefined || numbers.length !== count) {
    const got = wrong === undefined ? formatCount(numbers.length, "number")
      : Number.isNaN(wrong) ? "text that is no number" : `the value ${JSON.stringify(wrong)}`;
    throw new Error(`Expected ${count} whole numbers from 0 to 255; came ${got}.`);
  }
  return numbers;
}

function parseNumbers(text) {
  try {
    const json = JSON.parse(text);
    return [json?.inputs ?? json].flat(Infinity);
  } catch {
    return text.split(/[\s,;]+/).filter(Boolean).map(Number);
  }
}

/** An image's pixels: its own where it has the network's size, else those of a drawing. */
export async function imagePixels(file, format) {
  const bitmap = await decode(file);
  const { side, max } = format;
  const own = bitmap.width === side && bitmap.height === side;
  const size = own ? side : PAD_SIDE;
  const context = new OffscreenCanvas(size, size).getContext("2d");
  if (own) context.drawImage(bitmap, 0, 0);
  else drawFramed(context, bitmap, size);
  const ink = imageInk(context.getImageData(0, 0, size, size));
  return own ? ink.map((value) => Math.round(max * value)) : normalise(ink, size, format);
}

async function decode(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error("The pasted image could not be read.");
  }
}

/** Draw in the middle of a square `size` px wide, framed in the colour of the first pixel. */
function drawFramed(context, bitmap, size) {
  const scale = size / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, 0, 0, 1, 1, 0, 0, size, size);
  context.drawImage(bitmap, (size - width) / 2, (size - height) / 2, width, height);
}
