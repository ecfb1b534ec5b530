"""
From text to token ids, by the tokenizer of a checkpoint: `tokenizer.json`, as the library
`tokenizers` writes it.

The file is data: nothing in it is executed. What it says of truncation and padding is left aside,
since a text that is too long is refused, never cut.

Covered:      reading the file, its ids held against a vocabulary.
Not covered:  where the file is kept and hashed (`model_store`), how long a text may be
              (`service.protocol.texts`).
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec

from fff.extras import needs_extra


class TokenizerInvalid(ValueError):
    """A tokenizer that cannot be read, or does not fit; or what reads it is not installed."""


class Tokenizer:
    """
    Makes ids of text; any thread may ask.

    Args:
        content: Of `tokenizer.json`.
        vocabulary: How many ids the network knows.

    Raises:
        TokenizerInvalid: It is none, it knows ids that the network does not, or the package
            `tokenizers` is not installed.
    """

    def __init__(self, content: bytes, vocabulary: int):
        if find_spec("tokenizers") is None:
            raise TokenizerInvalid(needs_extra("a model with a tokenizer", "text"))
        # A batch of texts is one thread's, as a batch of rows is: those of the library would fight
        # with the models' own.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
            largest = max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:  # the library raises Exception itself, and panics of Rust
            raise TokenizerInvalid(f"tokenizer.json is no tokenizer: {exc!s:.200}") from exc
        if largest >= vocabulary:
            raise TokenizerInvalid(
                f"tokenizer.json has ids up to {largest}, the network's vocabulary ends at "
                f"{vocabulary - 1}"
            )

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, with those that the tokenizer puts around it; the lock is let go of."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch([*texts])]
