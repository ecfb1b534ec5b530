// What the page reads of /metrics, and histograms as differences of two readings.

const SAMPLE = /^(fff_[a-z_]+|process_start_time_seconds)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z]+)="((?:[^"\\]|\\.)*)"/g;
const HISTOGRAMS = {
  request: "fff_request_duration_seconds",
  compute: "fff_compute_duration_seconds",
  batch: "fff_batch_rows",
};

function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  }
  return labels;
}

/** Every wanted model's numbers by name, and when the process started. */
export function readExposition(text, models) {
  const read = { started: 0, models: {} };
  for (const model of models) {
    read.models[model] = { rows: 0, failed: 0, queued: 0 };
    for (const name of Object.keys(HISTOGRAMS)) {
      read.models[model][name] = { bounds: [], counts: [], sum: 0, total: 0 };
    }
  }
  for (const line of text.split("\n")) {
    const found = SAMPLE.exec(line);
    if (!found) continue;
    if (found[1] === "process_start_time_seconds") read.started = Number(found[3]);
    const labels = labelsOf(found[2] ?? "");
    if (Object.hasOwn(read.models, labels.model)) {
      take(read.models[labels.model], found[1], labels, Number(found[3]));
    }
  }
  return read;
}

function take(model, name, labels, value) {
  if (name === "fff_rows_total") model.rows += value;
  if (name === "fff_queue_rows") model.queued += value;
  if (name === "fff_requests_total" && labels.code !== "200") model.failed += value;
  for (const [key, family] of Object.entries(HISTOGRAMS)) {
    const histogram = model[key];
    if (name === `${family}_sum`) histogram.sum += value;
    if (name === `${family}_count`) histogram.total += value;
    if (name === `${family}_bucket`) {
      histogram.bounds.push(labels.le === "+Inf" ? Infinity : Number(labels.le));
      histogram.counts.push(value);  // running, as exposed
    }
  }
}

/** What came between two readings; counts are a bucket's own. */
export function between(before, now) {
  const running = now.counts.map((count, k) => count - (before.counts[k] ?? 0));
  return {
    bounds: now.bounds,
    counts: running.map((count, k) => count - (running[k - 1] ?? 0)),
    sum: now.sum - before.sum,
    total: now.total - before.total,
  };
}

/** Where in its buckets a quantile lies: bucket and the part of it, or null without counts. */
export function quantilePlace(histogram, q) {
  let left = q * histogram.total;
  if (!(left > 0)) return null;
  for (const [bucket, count] of histogram.counts.entries()) {
    if (count > 0 && left <= count) return { bucket, part: left / count };
    left -= count;
  }
  return null;
}

/** Linear within the bucket, as PromQL's histogram_quantile. */
export function quantile(histogram, q) {
  const place = quantilePlace(histogram, q);
  if (!place) return NaN;
  const lower = histogram.bounds[place.bucket - 1] ?? 0;
  const upper = histogram.bounds[place.bucket];
  return upper === Infinity ? lower : lower + place.part * (upper - lower);
}
