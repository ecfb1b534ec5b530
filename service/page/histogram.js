// Histograms as Prometheus counts them: the difference of two, and quantiles.

/** What was counted between two readings of a histogram; its counts are each bucket's own. */
export function histogramBetween(before, now) {
  const cumulative = now.counts.map((count, k) => count - (before.counts[k] ?? 0));
  return {
    bounds: now.bounds,
    counts: cumulative.map((count, k) => count - (cumulative[k - 1] ?? 0)),
    sum: now.sum - before.sum,
    total: now.total - before.total,
  };
}

/** Where a quantile lies: {bucket, fraction} of that bucket, or null without counts. */
export function quantilePosition(histogram, q) {
  let left = q * histogram.total;
  if (!(left > 0)) return null;
  for (const [bucket, count] of histogram.counts.entries()) {
    if (count > 0 && left <= count) return { bucket, fraction: left / count };
    left -= count;
  }
  return null;
}

/** Linear within the bucket, as PromQL's histogram_quantile; NaN without counts. */
export function quantile(histogram, q) {
  const position = quantilePosition(histogram, q);
  if (!position) return NaN;
  const lower = histogram.bounds[position.bucket - 1] ?? 0;
  const upper = histogram.bounds[position.bucket];
  return upper === Infinity ? lower : lower + position.fraction * (upper - lower);
}
