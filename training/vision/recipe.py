"""The recipe of a vision transformer: what decides a run, apart from data and seed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fff.names import ACTIVATION_NAMES
from training.errors import RecipeError
from training.overriding import Overridable

if TYPE_CHECKING:
    from model_store.manifest import Uint8Scaling

FAMILIES = ("fff", "dense", "narrow")
CHOICES: dict[str, tuple[str, ...]] = {
    "family": FAMILIES,
    "data": ("images",),
    "activation": ACTIVATION_NAMES,
}
RANGES: dict[str, tuple[float, float]] = {
    "depth": (0, 12),
    "leaf_width": (1, 1024),
    "hidden_width": (1, 65_536),
    "patch": (1, 64),
    "token_width": (1, 4096),
    "layers": (1, 48),
    "heads": (1, 64),
    "epochs": (1, 10_000),
    "learning_rate": (1e-8, 1),
    "batch_images": (1, 100_000),
    "weight_decay": (0, 1),
    "sample_tokens": (100, 10_000_000),
    "layer_steps": (1, 1_000_000),
    "layer_learning_rate": (1e-8, 1),
    "temperature": (1e-3, 1000),
    "final_temperature": (1e-3, 1000),
    "tuning_epochs": (0, 1000),
    "tuning_learning_rate": (1e-8, 1),
    "teacher_weight": (0, 1),
    "teacher_temperature": (0.1, 100),
    "validation_share": (0.01, 0.5),
    "uint8_scale": (-1e6, 1e6),
    "uint8_shift": (-1e6, 1e6),
}


@dataclass(frozen=True, slots=True)
class VisionRecipe(Overridable):
    """
    How to train a vision transformer (arXiv:2010.11929) with FFFs in it, or one it is compared to.

    Attributes:
        name: The recipe's own, as in `training.recipes`.
        family: `dense`, trained from nothing: the twin. `fff`, which begins as its twin, but for
            the feedforward layers, and learns from it. `narrow`, which does the same and is dense,
            with as many neurons as a leaf.
        data: `images`: a folder or a file of them.
        depth: `d`, levels of each feedforward layer's tree.
        leaf_width: `l`, hidden neurons of a leaf.
        hidden_width: `w`, hidden neurons of each feedforward layer of the family `dense`.
        patch: Pixels along the side of a token's square.
        token_width: Numbers of a token between layers.
        layers: Each of attention and a feedforward layer.
        heads: Of attention.
        activation: Of the hidden neurons.
        epochs: Times that the twin sees every image.
        learning_rate: Of the twin, the highest; it rises, then falls to 0, as all do here.
        batch_images: Of a step.
        weight_decay: As AdamW defines it.
        sample_tokens: Tokens that each feedforward layer is fitted on: what the twin's layer is
            given, and what it answers.
        layer_steps: Steps of 1,024 tokens in which it is.
        layer_learning_rate: The highest, of these.
        temperature: Of the gate by which leaves share a token while routing is learnt, at the
            start, in deviations of a node's score.
        final_temperature: Of the gate at its end.
        tuning_epochs: Times that the whole network then sees every image, as it is served; a part
            of one too.
        tuning_learning_rate: The highest, of these.
        teacher_weight: Of the twin's part in that loss, 0 to 1; classes have the rest.
        teacher_temperature: Both softmaxes' in that part.
        validation_share: Share of the training images held out, 0 to 1. They choose nothing.
        uint8_scale: A raw pixel becomes `pixel * uint8_scale + uint8_shift`.
        uint8_shift: In units of the network's input.
    """

    name: str
    family: str = "fff"
    data: str = "images"
    depth: int = 4
    leaf_width: int = 8
    hidden_width: int = 128
    patch: int = 4
    token_width: int = 128
    layers: int = 4
    heads: int = 4
    activation: str = "gelu"
    epochs: int = 4
    learning_rate: float = 1e-3
    batch_images: int = 64
    weight_decay: float = 0.05
    sample_tokens: int = 100_000
    layer_steps: int = 300
    layer_learning_rate: float = 1e-2
    temperature: float = 0.1
    final_temperature: float = 0.01
    tuning_epochs: float = 0.5
    tuning_learning_rate: float = 5e-4
    teacher_weight: float = 0.7
    teacher_temperature: float = 2.0
    validation_share: float = 0.1
    uint8_scale: float = 2 / 255  # [-1, 1]
    uint8_shift: float = -1.0

    def __post_init__(self) -> None:
        self.check(RANGES, CHOICES)
        if self.token_width % self.heads:
            raise RecipeError(
                f"token_width must be a multiple of heads, got {self.token_width} and {self.heads}"
            )

    @property
    def training_width(self) -> int:
        """Hidden neurons that a feedforward layer trains, and the twin's: `2**d * l`."""
        return int(2**self.depth) * self.leaf_width

    @property
    def scaling(self) -> "Uint8Scaling":
        """From raw pixels to the network's input."""
        from model_store.manifest import Uint8Scaling

        return Uint8Scaling(scale=self.uint8_scale, shift=self.uint8_shift)
