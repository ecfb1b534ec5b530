"""
Machine code of a kernel, read: its blocks, its loops, and what stands in them.

The text is NVIDIA's own (`nvdisasm -c -g`). Blocks and branches make a graph; a loop is a
strongly connected part of it, and loops inside one are found by taking its entry away. So code
that the assembler moved behind the end is counted where it belongs.

Covered:      sm_90's branches, calls (of no loop) and exits; a path that is seldom taken, by its
              source lines.
Not covered:  how often a loop turns; branches to a computed address, of which Triton makes none.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

_SOURCE = re.compile(r'//## File "(.+)", line (\d+)')
_LABEL = re.compile(r"\s*(\S+):\s*$")
_CODE = re.compile(r"\s*/\*[0-9a-f]+\*/\s+(?:@(\S+)\s+)?([A-Z][\w.]*)\s*([^;]*);")
_TARGET = re.compile(r"`\((\.L\w+)\)")
_REGISTER = re.compile(r"\bR(\d+)\b")
_JUMPS = ("BRA", "EXIT", "RET")
_OF_A_SCORE = ("LDG", "DADD", "DFMA", "DMUL")

Source = tuple[str, int]
"""A file's path and a line in it."""
Graph = dict[int, set[int]]
"""Blocks, by the number of their first instruction, and where each may go on."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """
    One instruction.

    Attributes:
        guard: The predicate without which it does nothing; empty for none.
        opcode: With its modifiers, as `LDG.E.128`.
        operands: As printed, the target first.
        source: Where it came from.
    """

    guard: str
    opcode: str
    operands: str
    source: Source

    @property
    def name(self) -> str:
        """The opcode without modifiers."""
        return self.opcode.split(".")[0]

    @property
    def goes_on(self) -> bool:
        """Whether the next instruction may follow it."""
        return self.name not in _JUMPS or bool(self.guard) or "," in self.operands

    @property
    def load_bits(self) -> int:
        """Width of a load from global memory, for one thread; 0 if it is none."""
        if self.name not in ("LDG", "LDGSTS"):
            return 0
        width = re.search(r"\.[US]?(8|16|64|128)\b", self.opcode)
        return int(width[1]) if width else 32

    @property
    def fetched(self) -> list[int]:
        """Registers that arrive a round trip to memory later."""
        if self.name not in ("LDG", "ATOMG"):
            return []
        operands = self.operands.split(",")
        target = _REGISTER.match(operands[self.name == "ATOMG"].strip())  # it has a predicate first
        first, count = int(target[1]) if target else 0, max(1, self.load_bits // 32)
        return list(range(first, first + count)) if target else []

    @property
    def read(self) -> list[int]:
        """Registers that must have arrived; of a pair or a quadruple the first."""
        target, _, sources = self.operands.partition(",")
        text = sources if _REGISTER.fullmatch(target.strip()) else self.operands
        return [int(number) for number in _REGISTER.findall(text)]


@dataclass(frozen=True, slots=True)
class Loop:
    """
    A loop.

    Attributes:
        header: The block by which it is entered.
        body: All its blocks, those of inner loops too.
        inner: Loops inside it.
    """

    header: int
    body: frozenset[int]
    inner: "tuple[Loop, ...]"

    def walk(self) -> "Iterator[Loop]":
        """This loop and all inside it."""
        yield self
        for loop in self.inner:
            yield from loop.walk()


class Code:
    """
    A kernel's machine code.

    Args:
        text: What `nvdisasm -c -g` prints.
        rare: Source lines of a path that is seldom taken. A block that loads or adds in float64
            for one of them is not usual, nor is what is reached through such blocks alone.

    Attributes:
        blocks: Instructions, by the number of the first.
        graph: Of the usual blocks.
        loops: The outermost ones of usual blocks, in order.
        rare: Instructions that are reached, but not usual.
    """

    def __init__(self, text: str, rare: Collection[Source] = ()):
        instructions, labels = _parse(text)
        self.blocks = _blocks(instructions, labels)
        whole = {start: _next(start, block, labels) for start, block in self.blocks.items()}
        avoided = {
            start
            for start, block in self.blocks.items()
            if any(i.source in rare and i.name in _OF_A_SCORE for i in block)
        }
        usual = _reached({b: after - avoided for b, after in whole.items()}, 0) | {0}
        self.graph: Graph = {b: whole[b] & usual for b in usual}
        self.loops = _loops(self.graph)
        self.rare = self.of(_reached(whole, 0) - usual)

    def of(self, blocks: Iterable[int]) -> list[Instruction]:
        """Instructions of some blocks."""
        return [i for start in sorted(blocks) for i in self.blocks[start] if i.guard != "!PT"]

    @property
    def looped(self) -> list[Instruction]:
        """Usual instructions in any loop, each once."""
        return self.of({block for loop in self.loops for block in loop.body})

    @property
    def straight(self) -> list[Instruction]:
        """Usual instructions in no loop."""
        return self.of(self.graph.keys() - {b for loop in self.loops for b in loop.body})


def count(instructions: Iterable[Instruction], *names: str) -> int:
    """How many have one of the names, as `BAR`."""
    found = Counter(i.name for i in instructions)
    return sum(found[name] for name in names)


def _parse(text: str) -> tuple[list[Instruction], dict[str, int]]:
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    source = ("", 0)
    for line in text.splitlines():
        if found := _SOURCE.search(line):
            source = found[1], int(found[2])
        elif found := _CODE.match(line):
            instructions.append(Instruction(found[1] or "", found[2], found[3].strip(), source))
        elif found := _LABEL.match(line):
            labels[found[1]] = len(instructions)
    return instructions, labels


def _blocks(code: list[Instruction], labels: dict[str, int]) -> dict[int, list[Instruction]]:
    after_jumps = (n + 1 for n, i in enumerate(code) if i.name in _JUMPS)
    starts = sorted({0, *labels.values(), *after_jumps} - {len(code)})
    return {a: code[a:b] for a, b in zip(starts, [*starts[1:], len(code)], strict=True)}


def _next(start: int, block: list[Instruction], labels: dict[str, int]) -> set[int]:
    last = block[-1]
    targets = {labels[t] for t in _TARGET.findall(last.operands) if last.name == "BRA"}
    return targets | ({start + len(block)} if last.goes_on else set())


def _reached(graph: Graph, start: int) -> set[int]:
    """Blocks after `start`; itself only if it is met again."""
    found: set[int] = set()
    ahead = list(graph[start])
    while ahead:
        block = ahead.pop()
        if block not in found:
            found.add(block)
            ahead.extend(graph[block])
    return found


def _loops(graph: Graph) -> tuple[Loop, ...]:
    reached = {block: _reached(graph, block) for block in graph}
    loops: list[Loop] = []
    for block in sorted(graph):
        if block not in reached[block] or any(block in loop.body for loop in loops):
            continue
        body = frozenset(b for b in reached[block] if block in reached[b])
        entered = {n for b in graph if b not in body for n in graph[b] & body}
        header = min(entered or body)
        loops.append(Loop(header, body, _loops({b: graph[b] & body - {header} for b in body})))
    return tuple(loops)
