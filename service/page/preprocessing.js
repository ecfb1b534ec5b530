// From a drawing or image to the pixels of the data set that the network was trained on.
// Ink is 0 to 1, row by row.

const MAX_SCALE = 3;    // most that a small drawing grows by: a dot stays a dot
const MIN_INK = 0.2;    // less counts as paper
const DIGITS_WIDTH = 0.81;  // 6.5 of 8

/**
 * Scale and centre a drawing as the data sets do, and average it down to {side, max}.
 * MNIST: in a box of 20 of 28, centre of mass in the middle. The digits of scikit-learn (8 x 8):
 * as tall as the image, 6.5 wide at most, in the middle of the box: measured over all 1,797, rows 0
 * and 7 always have ink and columns 0 and 7 one time in ten.
 */
export function normalise(ink, inkSide, { side, max }) {
  const bounds = inkBounds(ink, inkSide);
  if (!bounds) return new Array(side * side).fill(0);
  const frame = side < 20 ? digitsFrame(bounds, side) : mnistFrame(bounds, side);
  const step = Math.max(frame.step, inkSide / side / MAX_SCALE);
  const left = frame.x - step * side / 2, top = frame.y - step * side / 2;
  return Array.from({ length: side * side }, (_, pixel) => {
    const x = left + step * (pixel % side), y = top + step * Math.floor(pixel / side);
    return Math.round(max * inkSum(ink, inkSide, x, y, step) / Math.ceil(step) ** 2);
  });
}

/** Centre, and the drawing's px that become one pixel. */
function mnistFrame({ x0, y0, x1, y1, massX, massY }, side) {
  const box = side * 20 / 28;
  return { x: massX, y: massY, step: Math.max((x1 - x0) / box, (y1 - y0) / box) };
}

function digitsFrame({ x0, y0, x1, y1 }, side) {
  const step = Math.max((x1 - x0) / (DIGITS_WIDTH * side), (y1 - y0) / side);
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, step };
}

/** The ink's edges and centre of mass; null without ink. */
function inkBounds(ink, inkSide) {
  const bounds = { x0: Infinity, y0: Infinity, x1: -1, y1: -1 };
  let mass = 0, momentX = 0, momentY = 0;
  ink.forEach((value, k) => {
    if (value < MIN_INK) return;
    const x = k % inkSide, y = Math.floor(k / inkSide);
    bounds.x0 = Math.min(bounds.x0, x);
    bounds.x1 = Math.max(bounds.x1, x + 1);
    bounds.y0 = Math.min(bounds.y0, y);
    bounds.y1 = Math.max(bounds.y1, y + 1);
    momentX += value * (x + 0.5);
    momentY += value * (y + 0.5);
    mass += value;
  });
  return mass ? { ...bounds, massX: momentX / mass, massY: momentY / mass } : null;
}

/** The ink of a square `step` px wide, summed over ceil(step)^2 points in it. */
function inkSum(ink, inkSide, left, top, step) {
  const points = Math.ceil(step);
  let sum = 0;
  for (let i = 0; i < points; i += 1) {
    for (let j = 0; j < points; j += 1) {
      const x = Math.floor(left + step * (j + 0.5) / points);
      const y = Math.floor(top + step * (i + 0.5) / points);
      if (x >= 0 && x < inkSide && y >= 0 && y < inkSide) sum += ink[y * inkSide + x];
    }
  }
  return sum;
}

/** An image's ink: by how much its luminance differs from that of its border. */
export function imageInk({ data, width, height }) {
  const luminance = Array.from({ length: width * height }, (_, k) => {
    const [r, g, b, a] = data.subarray(4 * k, 4 * k + 4);
    return (0.299 * r + 0.587 * g + 0.114 * b) * a / 255 + 255 - a;  // on white paper
  });
  const border = luminance.filter((_, k) => {
    const x = k % width, y = Math.floor(k / width);
    return x === 0 || y === 0 || x === width - 1 || y === height - 1;
  });
  const paper = border.sort((a, b) => a - b)[border.length >> 1];
  const most = luminance.reduce((far, value) => Math.max(far, Math.abs(value - paper)), 1);
  return luminance.map((value) => Math.abs(value - paper) / most);
}
