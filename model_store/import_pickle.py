"""
The functions and classes that a pickle would call, read from its opcodes without running one.

Own code over the standard library's `pickletools`: a state_dict needs thirteen names, and torch's
restricted unpickler allows more (docs/decisions/0004-parsing-foreign-checkpoints.md).

Covered:      every opcode of every protocol; what is not a plain tensor's is refused by name.
Not covered:  deciding whether foreign code is harmful. None is run, so none need be judged.

Source of the opcodes: the standard library's `pickletools`; which of them state_dicts need:
`torch/_weights_only_unpickler.py` (torch 2.13), a subset of pickle protocol 2.
"""

import pickletools
from typing import Any

from model_store.errors import ImportRefused

MAX_PROTOCOL = 2  # what torch.save writes, and all that torch's restricted unpickler reads

_DTYPES = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
_ALLOWED_GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {dtype}Storage" for dtype in _DTYPES),
}
_NAMED = {"GLOBAL", "INST"}  # carry module and name as their own argument
_EXTENSIONS = {"EXT1", "EXT2", "EXT4"}  # a number for a class that the process registered
_MEMO_WRITES = {"PUT", "BINPUT", "LONG_BINPUT"}
_MEMO_READS = {"GET", "BINGET", "LONG_BINGET"}
_HIDDEN = "a name hidden on the pickle's stack"
_SHOWN = 5  # names in a message; a whole module brings dozens


def refuse_code(pickle: bytes, where: str) -> None:
    """
    Check that a pickle names nothing but tensors and their containers.

    Args:
        pickle: The archive's `data.pkl`.
        where: The file's name in messages.

    Raises:
        ImportRefused: Naming every foreign function or class, or the damage.
    """
    foreign, protocol = _scan(pickle, where)
    if foreign:
        raise ImportRefused(f"{where}: the file carries code: {_foreign_code(foreign)}")
    if protocol > MAX_PROTOCOL:
        raise ImportRefused(
            f"{where}: pickle protocol {MAX_PROTOCOL} was expected, got {protocol}; "
            "save it again with torch.save(state_dict, path) and no pickle_protocol"
        )


def _foreign_code(names: list[str]) -> str:
    hint = ""
    if any(name.startswith("torch.nn.modules.") or name.endswith(".FFF") for name in names):
        hint = "; it looks like a whole pickled module: save its state_dict() instead"
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{rest}; only tensors are imported{hint}"


def _scan(pickle: bytes, where: str) -> tuple[list[str], int]:
    """Foreign names in order of appearance, and the pickle's protocol."""
    foreign: dict[str, None] = {}  # a set that keeps its order
    pushed: list[
        str | None
    ] = []  # the literal text that each opcode pushed, None for anything else
    memo: dict[int, str | None] = {}
    protocol = 0
    try:
        argument: Any  # of the type that the opcode has
        for opcode, argument, _ in pickletools.genops(pickle):
            protocol = max(protocol, argument if opcode.name == "PROTO" else opcode.proto)
            if opcode.name == "MEMOIZE":
                memo[len(memo)] = pushed[-1] if pushed else None
            elif opcode.name in _MEMO_WRITES:
                memo[argument] = pushed[-1] if pushed else None
            else:
                name = _looked_up(opcode.name, argument, pushed)
                if name is not None and name not in _ALLOWED_GLOBALS:
                    foreign[_printable(name)] = None
                if opcode.name in _MEMO_READS:
                    argument = memo.get(argument)
                pushed.append(argument if isinstance(argument, str) else None)
    except ValueError as exc:  # all that genops raises, for an unknown opcode or a cut argument
        raise ImportRefused(f"{where}: data.pkl is not a whole pickle: {exc}") from exc
    return list(foreign), protocol


def _looked_up(opcode: str, argument: object, pushed: list[str | None]) -> str | None:
    """The function or class an opcode looks up as `module name`, or None if it looks up none."""
    if opcode in _NAMED:
        return str(argument)
    if opcode == "STACK_GLOBAL":
        # Its names are whatever lies on the stack. The two texts just before are the best guess
        # for the message; nothing depends on it, since protocol 4 is refused in any case.
        texts = [text for text in pushed[-2:] if text is not None]
        return " ".join(texts) if len(texts) == 2 else _HIDDEN
    if opcode in _EXTENSIONS:
        return f"copyreg extension-{argument}"
    return None


def _printable(name: str) -> str:
    if name == _HIDDEN:
        return name
    dotted = name.replace(" ", ".", 1)
    return dotted if dotted.isprintable() else ascii(dotted)  # no control codes on a terminal
