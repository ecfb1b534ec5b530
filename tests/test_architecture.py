"""The floors of the house: a module imports from its own package or below, and fits on a page."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS: dict[str, set[str]] = {  # package: what it may import of ours
    "fff": set(),
    "model_store": {"fff"},
    "evaluation": {"fff", "model_store"},
    "training": {"fff", "model_store", "evaluation"},
    "service": {"fff", "model_store", "evaluation", "training"},  # the last two: only in the cli
    "loadtest": set(),  # knows the HTTP API and nothing else of ours
    # Drives the service over HTTP; but one of its files is the service, with something left out.
    "bench": {"fff", "model_store", "training", "loadtest", "service"},
    "fff_client": set(),
}
FORBIDDEN: dict[str, set[str]] = {  # module, or beginning of its name: what it may not import
    "fff": {"pydantic", "safetensors", "fastapi", "os"},
    "service.settings": {"service", "fff", "model_store"},
    "service.engine": {"fastapi", "starlette"},
    "service.http.routes": {"fff.kernels", "torch"},
    "service.app": {"fff.kernels", "torch"},
    "service.http.schemas": {"fff", "torch"},
    # Importing the client must not bring the server's weight.
    "fff_client": {"torch", "fastapi", "starlette", "pydantic", "orjson", "fff", "model_store"},
}
ONLY_STANDARD_LIBRARY = {
    "service.engine.batcher",
    "service.metrics.label_values",
    "service.metrics.label_values.CloseReason",
}
ONLY_IN: dict[str, str] = {
    "typer": "service.cli",
    **dict.fromkeys(("litserve", "mosec", "bentoml", "mlserver"), "bench.peers"),
    "opentelemetry": "service.tracing",  # optional, and imported only with an endpoint
}

MAY_RUN_CODE = {"pickle", "_pickle", "marshal", "shelve", "multiprocessing", "dill", "joblib"}
"""What turns bytes into objects of any kind; multiprocessing pickles what it sends."""

HOMES = {"fff_client": "client/fff_client"}
FILES = sorted(f for package in FLOORS for f in (ROOT / HOMES.get(package, package)).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def module_name(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__").removeprefix("client.")


def imported(file: Path) -> set[str]:
    """Names a file imports, anywhere in it; `a` and `a.b` for `from a import b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides its floor"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_only_downwards(file: Path) -> None:
    package = module_name(file).partition(".")[0]

    ours = packages(imported(file)) & {*FLOORS, "tests"}

    assert ours <= FLOORS[package] | {package}


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_nothing_is_imported_where_it_does_not_belong(file: Path) -> None:
    module, names = module_name(file), imported(file)

    for beginning, forbidden in FORBIDDEN.items():
        if module.startswith(beginning):
            assert not {n for n in names for f in forbidden if within(n, f)}, beginning
    for library, home in ONLY_IN.items():
        assert library not in packages(names) or module.startswith(home)
    if module in ONLY_STANDARD_LIBRARY:
        assert packages(names - ONLY_STANDARD_LIBRARY) <= sys.stdlib_module_names


@pytest.mark.parametrize("package", ["fff", "model_store", "service"])
def test_nothing_is_unpickled(package: str) -> None:
    """Naming the exception of torch's restricted unpickler is not unpickling."""
    for file in (f for f in FILES if within(module_name(f), package)):
        taken = {n for n in imported(file) if packages({n}) & MAY_RUN_CODE}

        assert taken in (set(), {"pickle", "pickle.UnpicklingError"}), file


def test_only_the_command_line_knows_training() -> None:
    service = [f for f in FILES if module_name(f).startswith("service")]

    knows = {module_name(f) for f in service if packages(imported(f)) & {"training", "evaluation"}}

    assert all(within(module, "service.cli") for module in knows)


def test_only_the_service_with_nothing_counted_is_made_of_the_service() -> None:
    bench = [f for f in FILES if module_name(f).startswith("bench")]

    knows = {module_name(f) for f in bench if "service" in packages(imported(f))}

    assert knows == {"bench.overhead.uncounted"}


def test_only_the_backend_choice_names_a_kernel() -> None:
    """The layer's own evaluation is portable by definition, so it may name the portable one."""
    allowed = {"fff.backends", "fff.layers"}

    for file in FILES:
        names = {n for n in imported(file) if within(n, "fff.kernels")}
        module = module_name(file)
        if module not in allowed and not module.startswith(("fff.kernels", "bench")):
            assert not names, module


@pytest.mark.parametrize("file", [*FILES, *TESTS], ids=module_name)
def test_a_file_fits_in_the_head(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())

    assert lines <= (300 if "kernels" in file.parts else 250)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_a_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def test_there_is_something_to_check() -> None:
    """The tests above walk folders; an empty walk would pass them all."""
    assert {module_name(f).partition(".")[0] for f in FILES} >= {"fff", "model_store", "service"}
