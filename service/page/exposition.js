// What the page reads of /metrics, Prometheus' text format.

const SAMPLE = /^(fff_[a-z_]+|process_start_time_seconds)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z]+)="((?:[^"\\]|\\.)*)"/g;
const HISTOGRAMS = {
  request: "fff_request_duration_seconds",
  compute: "fff_compute_duration_seconds",
  batch: "fff_batch_rows",
};

/**
 * The metrics of the named models, each {rows, queued, request, compute, batch}, and the process'
 * start time. A histogram is {bounds, counts, sum, total}, its counts cumulative, as exposed.
 */
export function readExposition(text, names) {
  const models = Object.fromEntries(names.map((name) => [name, emptyMetrics()]));
  let startedS = 0;
  for (const line of text.split("\n")) {
    const match = SAMPLE.exec(line);
    if (!match) continue;
    const [, name, labelText, value] = match;
    if (name === "process_start_time_seconds") startedS = Number(value);
    const labels = parseLabels(labelText ?? "");
    if (Object.hasOwn(models, labels.model)) {
      addSample(models[labels.model], name, labels, Number(value));
    }
  }
  return { startedS, models };
}

function emptyMetrics() {
  const metrics = { rows: 0, queued: 0 };
  for (const name of Object.keys(HISTOGRAMS)) {
    metrics[name] = { bounds: [], counts: [], sum: 0, total: 0 };
  }
  return metrics;
}

function parseLabels(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  }
  return labels;
}

function addSample(metrics, name, labels, value) {
  if (name === "fff_rows_total") metrics.rows += value;
  if (name === "fff_queue_rows") metrics.queued += value;
  for (const [key, family] of Object.entries(HISTOGRAMS)) {
    const histogram = metrics[key];
    if (name === `${family}_sum`) histogram.sum += value;
    if (name === `${family}_count`) histogram.total += value;
    if (name === `${family}_bucket`) addBucket(histogram, labels.le, value);
  }
}

/** Versions that are served no longer keep their histograms: they add up, bound by bound. */
function addBucket(histogram, le, count) {
  const bound = le === "+Inf" ? Infinity : Number(le);
  const bucket = histogram.bounds.indexOf(bound);
  if (bucket < 0) {
    histogram.bounds.push(bound);
    histogram.counts.push(count);
  } else {
    histogram.counts[bucket] += count;
  }
}
