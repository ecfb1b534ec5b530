"""
Colours and markers of pictures and page, on light and on dark.

After Okabe and Ito, for the colour-blind too, as in the kernels' picture; a family also has a
marker of its own. Pictures are drawn in the light colours; a style sheet exchanges them where a
reader's pages are dark.
"""

from collections.abc import Iterable

TEXT, QUIET, PAPER = "#1f2328", "#59636e", "#ffffff"
_DARK_TEXT, _DARK_QUIET, _DARK_PAPER = "#f0f6fc", "#9198a1", "#0d1117"

PALETTE = (
    ("#0072b2", "#56b4e9"),
    ("#555555", "#bbbbbb"),
    ("#c25700", "#ff9e4a"),
    ("#00805f", "#2fd0a0"),
    ("#a6478a", "#e79bcb"),
    ("#8a6d00", "#f0e442"),
    ("#5b5bd6", "#a9a9ff"),
    ("#b3261e", "#ff8a80"),
    ("#3d6e8f", "#9fc6dd"),
)
MARKERS = "osD^vPX<>"
_ORDER = (
    "fff",
    "dense",
    "low_rank",
    "mixture",
    "fixed_tree",
    "fff-paper",
    "efff-paper",
    "efff-master",
    "fff-imported",
)
# Families of fields and tables look like some that images alone have.
_LOOKS_LIKE = {
    "fourier": "low_rank",
    "siren": "mixture",
    "multilayer": "fixed_tree",
    "interpolation": "fff-paper",
    "knn": "efff-paper",
    "booster": "efff-master",
    "raster": "fff-imported",
}
_ALL_IN_ORDER = (*_ORDER, *_LOOKS_LIKE)


def look_of(family: str) -> tuple[str, str]:
    """Colour and marker, the same in every report; families that are not known share the last."""
    like = _LOOKS_LIKE.get(family, family)
    place = _ORDER.index(like) if like in _ORDER else len(_ORDER) - 1
    return PALETTE[place][0], MARKERS[place]


def in_order(families: Iterable[str]) -> list[str]:
    """Families as legends list them: ours, the baselines, other recipes."""
    known = {family: place for place, family in enumerate(_ALL_IN_ORDER)}
    return sorted(set(families), key=lambda family: (known.get(family, len(known)), family))


def dark_rules() -> str:
    """CSS that exchanges the colours that pictures name in their `style` attributes."""
    pairs = ((TEXT, _DARK_TEXT), (QUIET, _DARK_QUIET), (PAPER, _DARK_PAPER), *PALETTE)
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in pairs
        for what in ("fill", "stroke")
    )
    return f"@media(prefers-color-scheme:dark){{{rules}}}"
