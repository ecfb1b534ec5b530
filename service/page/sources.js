// Digits that are not drawn: samples, pasted images, pasted numbers.

import { PAD_SIDE, inkOf, normalised } from "./ink.js";
import { element, plural, shape } from "./text.js";

// scikit-learn's digits 0 to 9, each the one of loadtest/data nearest to its class' mean; 8 x 8
// pixels from 0 to 16 ("g").
const SAMPLES = [
  "002af70000ef7f2004g30b4004e0078007c0067004g10c4001ecag10001ed500",
  "006a8300006gg900009gg600007gga0000bgg800007gg90000agg6000049cb20",
  "01ag300005ge80000ab8c0000118c000000c8000002f512000ageec000eggd70",
  "006cga0004f8ce000000d8000006e1000005f80000002f5000145f80005ge910",
  "0007g200000fb00000be650004g7ed200agdgga008fega100009g1000009f100",
  "00eccd3000g8861000e7500000ffg20000d3680000003d0000548c1001ffb300",
  "0008f200006g500000c8000000d6000000ccge0000ef68b003ce5ad00009gd50",
  "004cga0000fccb00001097000047fd7006ggfa30014c7000002g2000006c0000",
  "005cfa1002e7497007f70980015fbd30003fg50000f9c70000f58c00004egb00",
  "008gb00002f8g70003d1ed0000aggg3000025f4000000c6000565f40006fgc10",
].map((text) => Array.from(text, (digit) => parseInt(digit, 17)));
export const SAMPLE_FORM = { side: 8, top: 16 };

/** A button with a picture for each sample; `onTaken` gets its pixels. */
export function sampleButtons(onTaken) {
  return SAMPLES.map((pixels, digit) => {
    const picture = shape("svg", { viewBox: "0 0 8 8", "aria-hidden": "true" },
      pixels.map((value, k) => shape("rect", {
        x: k % 8, y: Math.floor(k / 8), width: 1.02, height: 1.02, opacity: value / 16 })));
    const button = element("button",
      { type: "button", class: "sample", "aria-label": `Sample ${digit}` }, picture);
    button.addEventListener("click", () => onTaken(pixels));
    return button;
  });
}

/**
 * The pixels in a text: JSON (a list, nested or not, or {"inputs": …}) or numbers with commas,
 * semicolons or spaces between.
 * Throws an Error that says what was expected and what came.
 */
export function numbersIn(text, width) {
  let found;
  try {
    const json = JSON.parse(text);
    found = [json?.inputs ?? json].flat(Infinity);
  } catch {
    found = text.split(/[\s,;]+/).filter(Boolean).map(Number);
  }
  const wrong = found.find((value) => !(Number.isInteger(value) && value >= 0 && value <= 255));
  if (wrong !== undefined || found.length !== width) {
    const came = wrong === undefined ? plural(found.length, "number")
      : Number.isNaN(wrong) ? "text that is no number" : `the value ${JSON.stringify(wrong)}`;
    throw new Error(`Expected ${width} whole numbers from 0 to 255; came ${came}.`);
  }
  return found;
}

/** Pixels in a pasted image: its own where it has the network's size, else a drawing of it. */
export async function pixelsIn(file, { side, top }) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("The pasted image could not be read.");
  }
  const own = bitmap.width === side && bitmap.height === side;
  const size = own ? side : PAD_SIDE;
  const context = new OffscreenCanvas(size, size).getContext("2d");
  const scale = size / Math.max(bitmap.width, bitmap.height);
  const [wide, tall] = [bitmap.width * scale, bitmap.height * scale];
  if (!own) {  // a frame in the colour of the image's first pixel
    context.drawImage(bitmap, 0, 0, 1, 1, 0, 0, size, size);
  }
  context.drawImage(bitmap, (size - wide) / 2, (size - tall) / 2, wide, tall);
  const ink = inkOf(context.getImageData(0, 0, size, size));
  return own ? ink.map((value) => Math.round(top * value)) : normalised(ink, size, side, top);
}

/** Listen to pastes anywhere on the page; `onFile` gets an image, `onText` a text. */
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
