"""Machine code as it is read for `bench.gpu.compiled`: loops, the seldom path, and waits."""

from bench.gpu.sass import Code, count
from bench.gpu.waits import Waits, waits, walk_of


def code(*lines: str, rare: tuple[int, ...] = ()) -> Code:
    """Machine code of labels and instructions, each of a source line of its own."""
    text = []
    for number, line in enumerate(lines):
        text.append(f'//## File "k.py", line {number}')
        text.append(line if line.endswith(":") else f"  /*{number:04x}*/  {line} ;")
    return Code("\n".join(text), {("k.py", line) for line in rare})


def trips(machine: Code) -> list[int]:
    return [waits(machine, loop).trips for top in machine.loops for loop in top.walk()]


def test_a_loop_inside_a_loop_is_found_and_what_follows_is_in_neither() -> None:
    machine = code(
        ".L_x_0:",
        "BAR.SYNC.DEFER_BLOCKING 0x0",
        ".L_x_1:",
        "REDUX.SUM.S32 UR4, R6",
        "@P0 BRA `(.L_x_1)",
        "@P1 BRA `(.L_x_0)",
        "BAR.SYNC.DEFER_BLOCKING 0x0",
        "EXIT",
    )

    (outer,) = machine.loops
    (inner,) = outer.inner
    assert [i.name for i in machine.of(inner.body)] == ["REDUX", "BRA"]
    assert (count(machine.looped, "BAR"), count(machine.straight, "BAR")) == (1, 1)


def test_code_moved_behind_the_end_belongs_where_it_comes_back_to() -> None:
    """A backward branch alone is no loop."""
    machine = code(
        "@P0 BRA `(.L_x_1)",
        ".L_x_0:",
        "EXIT",
        ".L_x_1:",
        "BAR.SYNC.DEFER_BLOCKING 0x0",
        "BRA `(.L_x_0)",
    )

    assert machine.loops == ()
    assert count(machine.straight, "BAR") == 1


def test_a_seldom_path_is_apart_and_what_only_it_reaches_too() -> None:
    machine = code(
        "@P0 BRA `(.L_x_0)",
        "DADD R4, R4, R6",  # line 1, seldom
        "@P1 BRA `(.L_x_0)",
        "RED.E.ADD.STRONG.GPU desc[UR4][R2.64], R0",
        ".L_x_0:",
        "BAR.SYNC.DEFER_BLOCKING 0x0",
        "EXIT",
        rare=(1,),
    )

    assert [i.name for i in machine.rare] == ["DADD", "BRA", "RED"]
    assert [i.name for i in machine.straight] == ["BRA", "BAR", "EXIT"]


def test_loads_that_are_asked_for_together_are_one_trip() -> None:
    machine = code(
        ".L_x_0:",
        "LDG.E.128 R4, desc[UR4][R2.64]",
        "@P1 LDG.E.128 R8, desc[UR4][R2.64+0x800]",
        "FFMA R12, R4, R8, R12",
        "FFMA R12, R7, R11, R12",
        "@P0 BRA `(.L_x_0)",
        "EXIT",
    )

    assert waits(machine, machine.loops[0]) == Waits(1, frozenset())


def test_a_load_that_is_asked_for_after_a_wait_is_a_trip_of_its_own_and_is_named() -> None:
    machine = code(
        ".L_x_0:",
        "LDG.E R4, desc[UR4][R2.64]",
        "FADD R6, R4, R6",
        "LDG.E.64 R8, desc[UR4][R2.64+0x8]",  # line 3
        "DADD R10, R8, R10",
        "@P0 BRA `(.L_x_0)",
        "EXIT",
    )

    assert waits(machine, machine.loops[0]) == Waits(2, frozenset({("k.py", 3)}))


def test_a_load_for_the_next_turn_is_waited_for_there() -> None:
    machine = code(
        ".L_x_0:",
        "FADD R6, R4, R6",
        "LDG.E R4, desc[UR4][R2.64]",
        "@P0 BRA `(.L_x_0)",
        "EXIT",
    )

    assert trips(machine) == [1]


def test_the_longer_of_two_paths_counts() -> None:
    """A level that does not exist is jumped over; the count is of levels that do."""
    machine = code(
        ".L_x_0:",
        "@P1 BRA `(.L_x_1)",
        "LDG.E R4, desc[UR4][R2.64]",
        "FADD R6, R4, R6",
        ".L_x_1:",
        "@P0 BRA `(.L_x_0)",
        "EXIT",
    )

    assert trips(machine) == [1]


WALK = (
    ".L_x_0:",
    "LDG.E.128 R4, desc[UR4][R2.64]",
    "FFMA R12, R4, R4, R12",
    "DSETP.GE.AND P2, PT, R12, RZ, PT",
    ".L_x_1:",
    "{norm}",
    "DADD R20, R20, R18",
    "@P0 BRA `(.L_x_1)",
    "@P1 BRA `(.L_x_0)",
    "EXIT",
)


def trips_a_level(machine: Code, hop: int, depth: int) -> float:
    walk = walk_of(machine)
    assert walk
    return walk.trips_a_level(hop, depth)


def test_a_norm_that_is_loaded_with_each_decision_costs_a_trip_a_level() -> None:
    loaded = code(*(line.format(norm="LDG.E.64 R20, desc[UR4][R14.64]") for line in WALK))
    at_hand = code(*(line.format(norm="DADD R20, R16, R20") for line in WALK))

    assert trips_a_level(loaded, 3, 9) == 4 / 3
    assert trips_a_level(at_hand, 3, 9) == 1 / 3


def test_a_loop_over_a_rows_columns_is_none_of_steps() -> None:
    """It turns as often as the row is wide, not once a level."""
    columns = code(*(line.format(norm="FFMA R20, R16, R20, R20") for line in WALK))

    assert trips_a_level(columns, 3, 9) == 1 / 3
    walk = walk_of(columns)
    assert walk
    assert walk.step is None


def test_of_a_walk_without_a_loop_the_whole_kernel_counts() -> None:
    machine = code("LDG.E R4, desc[UR4][R2.64]", "DSETP.GE.AND P2, PT, R4, RZ, PT", "EXIT")

    assert trips_a_level(machine, 1, 2) == 1 / 2


def test_a_kernel_that_decides_nothing_has_no_walk() -> None:
    assert walk_of(code("LDG.E R4, desc[UR4][R2.64]", "EXIT")) is None
