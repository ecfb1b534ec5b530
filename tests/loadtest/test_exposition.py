"""What the service counted: from the text of its own metrics to means."""

import pytest
from prometheus_client import generate_latest

from loadtest.harness.errors import LoadTestError
from loadtest.harness.exposition import read_counts
from service.metrics.model_metrics import ModelFacts, ModelMetrics
from service.metrics.registry import Metrics


@pytest.fixture
def metrics():
    return Metrics(max_batch_rows=64, leaf_series_limit=64)


@pytest.fixture
def model(metrics):
    return ModelMetrics(metrics, facts("digits"), [])


def facts(name):
    return ModelFacts(name, 1, "fff", "00", "cpu", "torch", "float32", 0, 0, 0)


def scrape(metrics, model="digits"):
    return read_counts(generate_latest(metrics.registry).decode(), model)


def test_means_are_of_what_was_counted_between_two_scrapes(metrics, model):
    model.executed("idle", [9.0], rows=64, compute_s=9.0)
    before = scrape(metrics)

    model.executed("idle", [0.001, 0.003], rows=6, compute_s=0.010)
    model.executed("full", [0.005], rows=2, compute_s=0.020)
    between = scrape(metrics) - before

    assert between.queue_ms == pytest.approx(3.0)
    assert between.compute_ms == pytest.approx(15.0)
    assert between.rows_per_batch == pytest.approx(4.0)


def test_versions_of_a_model_count_together_and_other_models_do_not(metrics, model):
    other = ModelMetrics(metrics, facts("digits-dense"), [])
    model.executed("idle", [0.001], rows=3, compute_s=0.002)
    other.executed("idle", [1.0], rows=50, compute_s=1.0)

    assert scrape(metrics).rows_per_batch == 3


def test_nothing_counted_has_no_mean(metrics, model):
    assert scrape(metrics).queue_ms is None
    assert scrape(metrics).rows_per_batch is None


def test_a_model_without_series_is_an_error_that_names_one(metrics, model):
    with pytest.raises(LoadTestError, match="fff_queue_duration_seconds_sum for model 'absent'"):
        scrape(metrics, "absent")
