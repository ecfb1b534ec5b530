"""
A recipe: everything that decides what a training run gives, apart from data and seed.

A recipe is written whole into the manifest of what it trained, so that a checkpoint says how
to repeat itself. Its fields are checked when it is made; an override is one more recipe.

Covered:      the fields.
Not covered:  changing them by name (`training.overriding`); what they may be (`training.ranges`,
              `training.consistency`); the recipes that have a name (`training.recipes`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.consistency import check
from training.cycle import rate_of_cycle
from training.overriding import Overridable
from training.ranges import CHOICES, RANGES

if TYPE_CHECKING:
    from model_store.manifest import Uint8Scaling


@dataclass(frozen=True, slots=True)
class Recipe(Overridable):
    """
    How to train a network.

    Attributes:
        name: The recipe's own, as in `training.recipes`.
        data: `digits` (comes with scikit-learn) or `images` (a folder or a file of them).
        family: `fff`; `fixed_tree`, an FFF whose routers stay as they were drawn; `dense`;
            `low_rank`, dense with an up projection of two thin matrices; `mixture`, of experts.
        depth: `d`, levels of the tree; it has `2**d` leaves.
        leaf_width: `l`, hidden neurons of a leaf, or of an expert.
        master_width: `m`, hidden neurons of the master leaf; 0 for none.
        hidden_width: `w`, hidden neurons of a dense network, of full or of low rank.
        rank: `r`, of the up projection of low rank.
        experts: `E`, of a mixture.
        top_k: Experts that compute a row.
        activation: Of the hidden neurons.
        gate: How a row is shared out to leaves while routing is learnt (`training.gates`).
        temperature: Of the gate, at the start.
        final_temperature: Of the gate, when routing has been learnt; it falls geometrically.
        competing_share: Part of the training, 0 to 1, before the frozen one, in which leaves answer
            one by one: the loss is that of a mixture of their answers, not of their outputs
            (Jacobs et al., Adaptive mixtures of local experts, 1991).
        frozen_share: Last part of the training, 0 to 1, in which routing is hard and stands
            still, and leaves alone learn.
        hardening: `h`, weight of the decisions' entropy in the loss.
        hardening_ramp_epochs: The weight rises linearly from 0 to `h` over these epochs; 0 to
            have it in full from the start.
        load_balance: `alpha`, weight of the load balance in the loss.
        region_leak: Probability that a node's children swap, per row, in training; with the
            papers' gate alone: sigmoid, both temperatures 1, no competition.
        leaf_dropout: Dropout on hidden activations in training, in every family.
        optimiser: `adamw` or `sgd` (plain, without momentum).
        learning_rate: The optimiser's step size; with `one_cycle` the highest.
        schedule: `constant`, or `one_cycle`: a tenth of the steps up, a cosine down to 0, and the
            last epoch is kept.
        weight_decay: As the optimiser defines it.
        batch_rows: Rows of one optimiser step.
        epochs: Most epochs trained before those of the second part; with `one_cycle` or a second
            part just as many.
        patience: Stop after this many epochs without a better validation accuracy; of no account
            with `one_cycle`, which goes to its end, or a second part. Counted from the end of the
            ramp at the earliest.
        second_epochs: Epochs that follow, from the best weights so far on, with a fresh
            optimiser; 0 for none. Not with `one_cycle`.
        second_hardening: `h` in these.
        second_load_balance: `alpha` in these.
        validation_share: Share of the training rows held out, 0 to 1: they decide how long views
            and teacher stay, the logits' temperature and, but for `one_cycle`, the epoch to keep.
        shift_pixels: Images are shifted by up to this many pixels.
        warp: Images are turned, sheared, stretched and made fainter or stronger, each by up
            to this (`training.warp`). Of each image's views, one is drawn anew in every epoch;
            where memory allows, they are a fixed set that is made once (`training.batches`). Both
            go as far as `training.regularisation` lets them.
        components: Principal coordinates to train in; 0 for the pixels themselves.
        teacher: `none`, `mlp` (trained here on the same rows), or a model in the store, whose
            outputs are learnt from beside the classes.
        teacher_weight: Of the teacher's part in the loss, 0 to 1, at most; of no account
            without a teacher.
        teacher_temperature: Both softmaxes' in that part.
        uint8_scale: A raw pixel becomes `pixel * uint8_scale + uint8_shift`.
        uint8_shift: In units of the network's input.
    """

    name: str
    data: str
    family: str = "fff"
    depth: int = 4
    leaf_width: int = 8
    master_width: int = 0
    hidden_width: int = 128
    rank: int = 16
    experts: int = 16
    top_k: int = 2
    activation: str = "relu"
    gate: str = "sigmoid"
    temperature: float = 1.0
    final_temperature: float = 1.0
    competing_share: float = 0.0
    frozen_share: float = 0.0
    hardening: float = 0.0
    hardening_ramp_epochs: int = 0
    load_balance: float = 0.0
    region_leak: float = 0.0
    leaf_dropout: float = 0.0
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float = 0.01
    batch_rows: int = 256
    epochs: int = 100
    patience: int = 20
    second_epochs: int = 0
    second_hardening: float = 0.0
    second_load_balance: float = 0.0
    validation_share: float = 0.1
    shift_pixels: int = 0
    warp: float = 0.0
    components: int = 0
    teacher: str = "none"
    teacher_weight: float = 0.0
    teacher_temperature: float = 2.0
    uint8_scale: float = 1 / 255
    uint8_shift: float = 0.0

    def __post_init__(self) -> None:
        self.check(RANGES, CHOICES)
        check(self.fields())

    @property
    def training_width(self) -> int:
        """Hidden neurons that an FFF's training can use, and its twin's: `2**d * l + m`."""
        return int(2**self.depth) * self.leaf_width + self.master_width

    @property
    def inference_width(self) -> int:
        """Hidden neurons that compute a row of an FFF: `l + m`."""
        return self.leaf_width + self.master_width

    @property
    def all_epochs(self) -> int:
        """Most epochs trained, of both parts."""
        return self.epochs + self.second_epochs

    @property
    def scaling(self) -> "Uint8Scaling":
        from model_store.manifest import Uint8Scaling  # with it comes PyTorch

        return Uint8Scaling(scale=self.uint8_scale, shift=self.uint8_shift)

    def hardening_at(self, epoch: int) -> float:
        """Weight of the hardening loss in an epoch, counted from 1."""
        if epoch > self.epochs:
            return self.second_hardening
        if epoch >= self.hardening_ramp_epochs:
            return self.hardening
        return self.hardening * epoch / self.hardening_ramp_epochs

    def load_balance_at(self, epoch: int) -> float:
        """Weight of the load balance in an epoch, counted from 1."""
        return self.load_balance if epoch <= self.epochs else self.second_load_balance

    def learning_rate_at(self, share: float) -> float:
        """Step size when this share of the training, 0 to 1, is done."""
        if self.schedule == "constant":
            return self.learning_rate
        return rate_of_cycle(self.learning_rate, share)

    def temperature_at(self, share: float) -> float:
        """Temperature of the gate when this share of the training, 0 to 1, is done."""
        learnt = min(1.0, share / (1 - self.frozen_share)) if self.frozen_share < 1 else 1.0
        return float(self.temperature * (self.final_temperature / self.temperature) ** learnt)

    def is_competing(self, share: float) -> bool:
        """Whether leaves answer one by one when this share of the training is done."""
        return self.competing_share > 0 and share >= 1 - self.frozen_share - self.competing_share

    def is_frozen(self, share: float) -> bool:
        """Whether routing stands still when this share of the training is done."""
        return self.frozen_share > 0 and share >= 1 - self.frozen_share
