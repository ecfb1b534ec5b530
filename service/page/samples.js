// Sample digits of the demo's data set, as buttons.

import { element, svgElement } from "./dom.js";

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
export const SAMPLE_FORMAT = { side: 8, max: 16 };

/** A button with a picture for each sample; `onTaken` gets its pixels. */
export function sampleButtons(onTaken) {
  return SAMPLES.map((pixels, digit) => {
    const button = element("button",
      { type: "button", class: "sample", "aria-label": `Sample ${digit}` }, picture(pixels));
    button.addEventListener("click", () => onTaken(pixels));
    return button;
  });
}

function picture(pixels) {
  const { side, max } = SAMPLE_FORMAT;
  return svgElement("svg", { viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" },
    pixels.map((value, k) => svgElement("rect", {
      x: k % side, y: Math.floor(k / side), width: 1.02, height: 1.02, opacity: value / max })));
}
