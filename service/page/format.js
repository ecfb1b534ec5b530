// Numbers as text: rounded, with units, and a dash where there is none.

const NONE = "–";

/** With so many significant digits, whole numbers and large ones in full. */
export function formatNumber(value, digits = 3) {
  if (!Number.isFinite(value)) return NONE;
  if (Math.abs(value) >= 10 ** digits || Number.isInteger(value)) {
    return Math.round(value).toLocaleString("en");
  }
  return String(Number(value.toPrecision(digits)));
}

const LEAST_DIGITS = 4, MOST_DIGITS = 15;

/** A value of a column or target, with its unit if it has one. */
export function formatValue(value, { unit }, digits = LEAST_DIGITS) {
  const text = formatNumber(value, digits).replace("-", "−");
  return unit ? `${text}${unit === "°" ? "" : "\u00a0"}${unit}` : text;
}

/** A value of a number column, fine enough to tell a thousand places of what it learnt apart. */
export function formatPlace(value, column) {
  const { low, high, scale } = column;
  const span = low !== null && high !== null && low < high ? high - low : 2 * Math.abs(scale);
  const digits = Math.ceil(Math.log10(1000 * Math.abs(value / span)));
  return formatValue(value, column, Math.min(MOST_DIGITS, Math.max(LEAST_DIGITS, digits)));
}

/** A share of one, in percent. */
export function formatPercent(share) {
  if (!Number.isFinite(share)) return NONE;
  const value = 100 * share;
  const text = value > 0 && value < 0.1 ? "< 0.1" : formatNumber(value, value < 10 ? 2 : 3);
  return `${text}\u00a0%`;
}

/** Seconds in µs, ms or s. */
export function formatDuration(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < 1e-3) return `${formatNumber(seconds * 1e6)}\u00a0µs`;
  if (seconds < 1) return `${formatNumber(seconds * 1e3)}\u00a0ms`;
  return `${formatNumber(seconds)}\u00a0s`;
}

/** "1 row", "5 rows". */
export function formatCount(count, singular, plural = `${singular}s`) {
  return `${formatNumber(count)} ${count === 1 ? singular : plural}`;
}

/** What a kind of network is called where space is short. */
export function formatKind(kind) {
  return { fff: "FFF", low_rank: "low rank", multilayer: "MLP" }[kind] ?? kind;
}
