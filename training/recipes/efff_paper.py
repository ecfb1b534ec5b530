"""
Charalampopoulos et al., arXiv:2405.16836 (eFFF): load balance, then hardening without it.

From the authors' code and logs (AndreasCharalamp/fastfeedforward-experiments, 1a87c30): inputs in
[-1, 1], AdamW 1e-3, batches of 2048, 300 epochs of alpha = 1 and h = 1, then from the best weights
100 epochs of alpha = 0 and h = 3. Theirs chooses the epoch on test data, and its second part
trains weights that its optimiser does not hold; ours does neither. Left out: where the best test
accuracy is below 90 % and has not risen for 5 epochs, theirs starts a new AdamW of 3e-3. At l = 1,
d = 4, which is below, it made no more than noise does: 83.3 instead of 82.5 % on MNIST, 74.0
instead of 73.6 on FashionMNIST, where ten of theirs deviate by 4.1 (seed 0, 2026-11-28).
"""

from training.recipe import Recipe

ABOUT = "as in arXiv:2405.16836: load balance, then hardening; to compare with"
RECIPE = Recipe(
    name="efff-paper",
    data="images",
    depth=4,
    leaf_width=8,
    hardening=1.0,
    load_balance=1.0,
    learning_rate=1e-3,
    batch_rows=2048,
    epochs=300,
    patience=300,
    second_epochs=100,
    second_hardening=3.0,
    uint8_scale=2 / 255,  # ToTensor and Normalize(.5, .5): [-1, 1]
    uint8_shift=-1.0,
)
