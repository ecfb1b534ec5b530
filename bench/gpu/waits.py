"""
How many round trips to memory a turn of a loop waits for, read off the machine code.

A warp runs in order: a load's registers arrive a trip after it is issued; an instruction that
reads one of them waits for it, and all that follows is later by as much. So a turn is walked
with a clock that counts trips and nothing else. Where paths meet the later one counts. A load
that is issued when the clock has moved is late: it could not be asked for with the first ones.

Covered:      loads into registers and atomics that return a value; loads under way from the turn
              before.
Not covered:  how long a trip takes (L1, L2 or memory); shared memory, barriers, and `cp.async`,
              which is there in order not to be waited for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter

from bench.gpu.sass import Code, Graph, Instruction, Loop, Source, count

_DECISION, _PRODUCT = "DSETP", "FFMA"  # scores alone are compared in float64


@dataclass(frozen=True, slots=True)
class Waits:
    """
    Round trips to memory, one after another, of one turn; loops inside it turn once.

    Attributes:
        trips: Their number.
        late: Lines of loads that are issued only after the turn has waited.
    """

    trips: int
    late: frozenset[Source]


@dataclass(frozen=True, slots=True)
class Walk:
    """
    What a walk down the tree waits for.

    Attributes:
        turn: Of the loop over levels, or of the whole kernel if that loop is unrolled.
        step: Of the loop inside it that goes down one level after another, if there is one: it
            decides too, or at least multiplies nothing.
        is_whole: Whether `turn` is the whole kernel, and so of all levels.
    """

    turn: Waits
    step: Waits | None
    is_whole: bool

    def trips_a_level(self, hop: int, depth: int) -> float:
        """
        Round trips a level; `1 / hop` where no load waits for a decision inside a hop.

        Args:
            hop: Levels that one turn of the loop over levels decides.
            depth: Levels of the tree. For a whole kernel the trips before the first level, for
                the number of rows and the row itself, are shared among them.
        """
        if self.is_whole:
            return self.turn.trips / depth
        steps = (hop - 1) * self.step.trips if self.step else 0
        return (self.turn.trips + steps) / hop


def walk_of(code: Code) -> Walk | None:
    """Find the loop over levels, the outermost one that decides; None if nothing decides."""
    if not count(code.of(code.graph), _DECISION):
        return None
    for loop in code.loops:
        if count(code.of(loop.body), _DECISION):
            steps = [inner for inner in loop.inner if _is_of_steps(code.of(inner.body))]
            return Walk(waits(code, loop), waits(code, steps[0]) if steps else None, False)
    return Walk(waits(code, None), None, True)


def waits(code: Code, loop: Loop | None) -> Waits:
    """Walk a turn of a loop after another; of the whole kernel, once, if it is None."""
    if loop is None:
        order, before = _order(code.graph, 0, code.loops)
        return _turn(code, order, before, list(code.graph), {}).waits
    graph = {block: code.graph[block] & loop.body for block in loop.body}
    order, before = _order(graph, loop.header, loop.inner)
    ends = [block for block in graph if loop.header in graph[block]]
    return _turn(code, order, before, ends, _turn(code, order, before, ends, {}).owed).waits


@dataclass(frozen=True, slots=True)
class _State:
    """Trips waited for so far, at which trip each register arrives, and lines of late loads."""

    clock: int
    arrives: dict[int, int]
    late: frozenset[Source]

    @property
    def owed(self) -> dict[int, int]:
        """What is still under way, counted from now."""
        return {r: at - self.clock for r, at in self.arrives.items() if at > self.clock}

    @property
    def waits(self) -> Waits:
        return Waits(self.clock, self.late)


def _is_of_steps(body: list[Instruction]) -> bool:
    return bool(count(body, _DECISION)) or not count(body, _PRODUCT)


def _order(graph: Graph, entry: int, inner: Iterable[Loop]) -> tuple[list[int], Graph]:
    """Blocks, each after those before it, and these; back edges are left out."""
    loops = [each for loop in inner for each in loop.walk()]
    before: Graph = {block: set() for block in graph}
    for block, following in graph.items():
        for after in following - {entry}:
            if not any(after == loop.header and block in loop.body for loop in loops):
                before[after].add(block)
    return list(TopologicalSorter(before).static_order()), before


def _turn(
    code: Code, order: list[int], before: Graph, ends: list[int], arrives: dict[int, int]
) -> _State:
    states: dict[int, _State] = {}
    for block in order:
        reached = [states[b] for b in before[block]] or [_State(0, arrives, frozenset())]
        states[block] = _walked(_latest(reached), code.of([block]))
    return _latest([states[b] for b in ends])


def _latest(states: list[_State]) -> _State:
    arrives: dict[int, int] = {}
    for state in states:
        for register, at in state.arrives.items():
            arrives[register] = max(at, arrives.get(register, at))
    late = frozenset[Source]().union(*(state.late for state in states))
    return _State(max(state.clock for state in states), arrives, late)


def _walked(state: _State, block: list[Instruction]) -> _State:
    clock, arrives, late = state.clock, dict(state.arrives), set(state.late)
    for instruction in block:
        clock = max([clock, *(arrives.get(r, clock) for r in instruction.read)])
        arrives |= dict.fromkeys(instruction.fetched, clock + 1)
        if instruction.fetched and clock:
            late.add(instruction.source)
    return _State(clock, arrives, frozenset(late))
