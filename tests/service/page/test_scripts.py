"""The page's arithmetic: reading /metrics, quantiles, folding leaves, drawings to pixels."""

import json

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

DIGITS, MNIST = "{side: 8, max: 16}", "{side: 28, max: 255}"


def test_the_page_reads_metrics_as_prometheus_does(evaluate, service):
    image = {"inputs": [[3] * 64] * 5, "datatype": "UINT8"}
    for model in ("digits", "digits", "digits-dense"):
        httpx.post(f"{service.url}/v1/models/{model}/predict", json=image).raise_for_status()
    text = httpx.get(f"{service.url}/metrics").text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    read = evaluate(f"readExposition({json.dumps(text)}, ['digits', 'digits-dense'])")

    for model, got in read["models"].items():
        want = {s.name: s.value for s in samples if s.labels.get("model") == model}
        buckets = [
            s.value
            for s in samples
            if s.name == "fff_batch_rows_bucket" and s.labels["model"] == model
        ]
        assert got["rows"] == want["fff_rows_total"] > 0
        assert got["request"]["total"] == want["fff_request_duration_seconds_count"]
        assert got["compute"]["sum"] == want["fff_compute_duration_seconds_sum"]
        assert got["batch"]["counts"] == buckets


def test_a_label_with_quotes_and_newlines_is_read_whole(evaluate):
    name = 'a\\b"c\nd'
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    line = json.dumps(f'fff_rows_total{{model="{escaped}",version="1"}} 4')

    read = evaluate(f"readExposition({line}, [{json.dumps(name)}])")

    assert [model["rows"] for model in read["models"].values()] == [4]


def test_versions_add_up_bound_by_bound(evaluate):
    """A version that is served no longer keeps its counters."""
    text = "".join(
        f'fff_batch_rows_bucket{{le="{le}",model="m",version="{version}"}} {version * count}\n'
        f'fff_rows_total{{model="m",version="{version}"}} {version}\n'
        for version in (1, 2)
        for le, count in (("1.0", 1), ("4.0", 5), ("+Inf", 6))
    )

    batch = evaluate(f"readExposition({json.dumps(text)}, ['m']).models.m.batch")
    rows = evaluate(f"readExposition({json.dumps(text)}, ['m']).models.m.rows")

    assert (batch["counts"], batch["bounds"][:2], len(batch["bounds"])) == ([3, 15, 18], [1, 4], 3)
    assert rows == 9


@pytest.mark.parametrize("q", [0.01, 0.5, 0.99, 1])
def test_quantiles_are_linear_within_a_bucket(evaluate, q):
    """Of values that fill every bucket evenly a quantile is found where it is."""
    bounds = [1, 2, 4, 8, 16]
    values = np.linspace(0, 16, 16_001)[1:]
    counts = np.histogram(values, [0, *bounds])[0].tolist() + [0]
    histogram = {"counts": counts, "total": len(values), "sum": 0}

    got = evaluate(
        f"quantile({{...{json.dumps(histogram)}, bounds: [...{bounds}, Infinity]}}, {q})"
    )

    assert got == pytest.approx(np.quantile(values, q), abs=0.01)


@pytest.mark.parametrize("depth", [0, 4, 6, 7, 15])
def test_many_leaves_are_folded_into_subtrees_and_no_row_is_lost(evaluate, depth):
    rows = np.random.default_rng(0).integers(0, 9, 2**depth)

    folded = evaluate(f"foldLeaves({rows.tolist()})")
    shares = evaluate(f"nodeShares({folded})")

    assert folded == rows.reshape(min(64, 2**depth), -1).sum(1).tolist()
    assert shares[0] == rows.sum()


def test_a_service_that_began_anew_begins_a_new_history(evaluate):
    """Counters that went back, or another start time, are no negative traffic."""
    point = (
        "({{atS: {0}, startedS: {1}, fff: {{rows: {2}}}, dense: null, layers: [{{rows: [{2}]}}]}})"
    )
    points = ", ".join(point.format(*p) for p in [(1, 7, 10), (2, 7, 30), (3, 8, 40), (4, 8, 5)])

    left = evaluate(
        f"[{points}].map((p, k, all) => {{ const h = new History();"
        " all.slice(0, k + 1).forEach((one) => h.add(one)); return h.snapshots.length; })"
    )

    assert left == [1, 2, 1, 1]


def ink(x: int, y: int, wide: int, tall: int) -> str:
    """An L of these bounds on the pad, as an expression."""
    return (
        f"Float32Array.from({{length: 280 * 280}}, (_, k) => {{ const x = k % 280 - {x};"
        f" const y = Math.floor(k / 280) - {y};"
        f" return x >= 0 && y >= 0 && x < {wide} && y < {tall}"
        f" && (x < 30 || y >= {tall} - 30) ? 1 : 0; }})"
    )


@pytest.mark.parametrize(("form", "brightest"), [(DIGITS, 16), (MNIST, 255)])
def test_a_digit_gives_the_same_pixels_wherever_it_is_drawn(evaluate, form, brightest):
    places = [(20, 30), (100, 30), (100, 70)]

    pixels = [evaluate(f"normalise({ink(*at, 140, 200)}, 280, {form})") for at in places]

    assert pixels[0] == pixels[1] == pixels[2]
    assert max(pixels[0]) == brightest


def test_mnist_pixels_have_their_mass_in_the_middle_and_fit_its_box(evaluate):
    pixels = np.array(evaluate(f"normalise({ink(20, 20, 150, 220)}, 280, {MNIST})"))

    image = pixels.reshape(28, 28)
    centre = [(image.sum(1 - k) * (np.arange(28) + 0.5)).sum() / image.sum() for k in (0, 1)]
    assert centre == pytest.approx([14, 14], abs=0.1)
    assert 20 <= np.ptp(np.flatnonzero(image.any(1))) + 1 <= 21  # 20 rows, off the grid


def test_8_x_8_pixels_are_as_tall_as_the_image(evaluate):
    image = np.array(evaluate(f"normalise({ink(90, 20, 120, 220)}, 280, {DIGITS})")).reshape(8, 8)

    assert image.any(1).all()
    assert not image[:, 0].any()


@pytest.mark.parametrize(
    ("width", "scaling", "form"),
    [
        (64, {"scale": 0.125, "shift": -1}, {"side": 8, "max": 16}),
        (784, {"scale": 2 / 255, "shift": -1}, {"side": 28, "max": 255}),
        (784, {"scale": 1 / 255, "shift": 0}, {"side": 28, "max": 255}),
    ],
)
def test_the_brightest_pixel_is_the_one_that_scales_to_one(evaluate, width, scaling, form):
    manifest = {"input_width": width, "uint8": scaling}

    assert evaluate(f"pixelFormat({json.dumps(manifest)})") == form


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"input_width": 6, "uint8": {"scale": 1, "shift": 0}}, "no square of pixels"),
        ({"input_width": 64, "uint8": None}, "no uint8 scaling"),
    ],
)
def test_where_no_digit_can_be_drawn_the_page_says_why(evaluate, manifest, why):
    assert why in evaluate(f"pixelFormat({json.dumps(manifest)})")["reason"]


def test_what_the_server_says_becomes_text_and_no_element(evaluate):
    hostile = "<img src=x onerror=alert(1)>"

    made = evaluate(
        f"(({{childElementCount, textContent}}) => ({{childElementCount, textContent}}))"
        f"(element('p', {{}}, {json.dumps(hostile)}))"
    )

    assert made == {"childElementCount": 0, "textContent": hostile}
