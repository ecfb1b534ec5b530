"""What the fields of a recipe may be: ranges, both ends included, and choices."""

from fff.names import ACTIVATION_NAMES

FAMILIES = ("fff", "fixed_tree", "dense", "low_rank", "mixture")
GATES = ("sigmoid", "path_violation", "smooth_step")
OPTIMISERS = ("adamw", "sgd")
SCHEDULES = ("constant", "one_cycle")
SOURCES = ("digits", "images")
TEACHERS = ("none", "mlp")

# A depth of 12 already mixes 4096 leaves for every row of every batch.
RANGES: dict[str, tuple[float, float]] = {
    "depth": (0, 12),
    "leaf_width": (1, 4096),
    "master_width": (0, 4096),
    "hidden_width": (1, 65_536),
    "rank": (1, 4096),
    "experts": (1, 4096),
    "top_k": (1, 4096),
    "temperature": (1e-3, 1000),
    "final_temperature": (1e-3, 1000),
    "competing_share": (0, 1),
    "frozen_share": (0, 1),
    "hardening": (0, 1000),
    "hardening_ramp_epochs": (0, 100_000),
    "load_balance": (0, 1000),
    "region_leak": (0, 0.5),  # beyond a half, left and right swap roles
    "leaf_dropout": (0, 0.9),
    "learning_rate": (1e-8, 10),
    "weight_decay": (0, 1),
    "batch_rows": (1, 1_000_000),
    "epochs": (1, 100_000),
    "patience": (1, 100_000),
    "second_epochs": (0, 100_000),
    "second_hardening": (0, 1000),
    "second_load_balance": (0, 1000),
    "validation_share": (0.01, 0.5),
    "shift_pixels": (0, 4),
    "warp": (0, 1),
    "components": (0, 65_536),
    "teacher_weight": (0, 1),
    "teacher_temperature": (0.1, 100),
    "uint8_scale": (-1e6, 1e6),
    "uint8_shift": (-1e6, 1e6),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "family": FAMILIES,
    "activation": ACTIVATION_NAMES,
    "gate": GATES,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "data": SOURCES,
}
