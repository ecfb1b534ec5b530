"""
What can be wrong with a store or a file.

StoreError
├── StoreMissing         no such folder, or one that cannot be listed
├── StoreNotWritable     the disk or its permissions refuse, or it is only read
├── LocationInvalid      what names no store that can be opened here
├── StoreUnreachable     a remote store that does not answer, or refuses
├── CacheUnusable        no room or no permission for copies of a remote store's files
├── ModelNotFound        no such model or version
├── BaselineInUse        what is to be removed is the baseline of another model
├── ManifestInvalid      manifest.json is missing, malformed, or disagrees with the tensors
├── ChecksumMismatch     the weights are not the ones the manifest was written for
├── FileChanged          a file is written to while it is being read
├── WeightsInvalid       tensors that are missing, misshapen or not finite
├── TokenizerUnfit       tokenizer.json is missing, no tokenizer, or cannot be read here
└── ImportRefused        a foreign file that is not a known checkpoint, or carries code

`refusal` words what the system says.
"""

import os


class StoreError(Exception):
    """Base of every error of a store or an import; the message is for the user."""


class StoreMissing(StoreError):
    """The store's folder does not exist, or cannot be listed."""


class LocationInvalid(StoreError):
    """A text that names no store that can be opened here."""


class StoreUnreachable(StoreError):
    """A remote store does not answer, or refuses; asking again later may help."""


class CacheUnusable(StoreError):
    """There is no room or no permission for copies of a remote store's files."""


class ModelNotFound(StoreError):
    """The store has no such model, or the model no such version."""


class BaselineInUse(StoreError):
    """What is to be removed is the baseline of another model."""


class StoreNotWritable(StoreError):
    """Publishing failed at the disk or its permissions, or the store is only read."""


class ManifestInvalid(StoreError):
    """The manifest is missing, malformed, or disagrees with the tensors."""


class ChecksumMismatch(StoreError):
    """The weights are not the ones the manifest was written for."""


class FileChanged(StoreError):
    """A file is written to, or cut short, while it is being read."""


class WeightsInvalid(StoreError):
    """Tensors that are missing, misshapen or not finite."""


class TokenizerUnfit(StoreError):
    """A version's tokenizer.json is missing, no tokenizer, or cannot be read here."""


class ImportRefused(StoreError):
    """A foreign file that is not a known checkpoint, or that carries code."""


def refusal(exc: OSError, act: str) -> str:
    """
    Word why the system refused: where permissions do, with the user that lacks them.

    In a container that user is a number that the host need not know, and whoever mounted the folder
    has to give it the right.

    Args:
        exc: From the system.
        act: What was tried, as in "read it".
    """
    text = exc.strerror or str(exc)
    return (
        f"{text}: user {os.geteuid()} may not {act}" if isinstance(exc, PermissionError) else text
    )
