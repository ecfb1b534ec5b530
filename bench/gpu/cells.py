"""What a cell of the grid says beyond the times that were measured."""

from bench.gpu.journal import Fields
from bench.gpu.target import Case, Limits, ceiling, dense_s, fff_s, target

RIVALS = (
    *("dense", "dense_tf32", "dense_compiled", "dense_narrow"),
    *("gather", "gather_routed", "grouped_mm", "transformers", "moe", "moe2"),
)


def named(case: Case, dtype: str) -> Fields:
    """What was to be measured."""
    return {
        "device": "cuda",
        "dtype": dtype,
        **case.shape.fields,
        "batch": case.batch,
        "routing": "single-leaf" if case.one_leaf else "balanced",
        "weights": "warm" if case.warm else "cold",
    }


def modelled(case: Case, limits: Limits) -> Fields:
    """What the device could do at best, in microseconds and as a ratio to dense."""
    return {
        "model_ours_us": 1e6 * fff_s(case, limits),
        "model_dense_us": 1e6 * dense_s(case, limits),
        "target": target(case, limits),
        "s_inf": ceiling(case, limits),
        "flop_ratio": case.shape.flop_ratio,
        "sgemm_gflops": limits.flops(case.element_bytes) / 1e9,
    }


def compared(fields: Fields, case: Case) -> Fields:
    """Ratios of the times in a cell; None where a side has none."""
    ours = fields.get("ours_us")
    times = {f"{name}_us": fields.get(f"{name}_us") for name in RIVALS}
    ratios = {
        f"ratio_{name}": us / ours if ours and (us := times[f"{name}_us"]) else None
        for name in RIVALS
    }
    if not ours:
        return times | ratios | dict.fromkeys(("gflops", "fraction_of_ceiling"))
    flops = 2 * case.batch * (case.shape.d * case.shape.i + case.shape.l * case.outer)
    gflops, dense_ratio = flops / ours / 1e3, ratios["ratio_dense"]
    return {
        **times,
        **ratios,
        "gflops": gflops,
        "fraction_of_ceiling": gflops / fields["sgemm_gflops"],
        "fraction_of_target": dense_ratio / fields["target"] if dense_ratio else None,
        "bytes_s": 1e6 * least_bytes(case) / ours,
    }


def least_bytes(case: Case) -> float:
    """What one batch must read and write at least: leaves it reaches, nodes, rows, logits."""
    weights = Case(case.shape, case.batch, case.element_bytes, one_leaf=case.one_leaf, lap=1)
    return weights.tree_bytes + 4 * case.batch * case.outer
