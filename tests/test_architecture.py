"""The floors of the house: imports point down and never in a circle, and a file fits on a page."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

FLOORS: dict[str, set[str]] = {  # package: what it may import of ours
    "fff": set(),
    "networks": {"fff"},
    "model_store": {"fff", "networks"},
    "evaluation": {"fff", "networks", "model_store"},
    "training": {"fff", "networks", "model_store", "evaluation"},
    "service": {
        "fff",
        "networks",
        "model_store",
        "evaluation",
        "training",
    },  # the last two: only in the cli
    "fff_client": set(),  # knows the HTTP API and nothing else of ours
    "loadtest": set(),  # as the client
    "ops": set(),
    # Drives the service over HTTP; but two of its files are the service, with something changed.
    "bench": {"fff", "networks", "model_store", "evaluation", "training", "loadtest", "service"},
}
HOMES = {"fff_client": "client/fff_client"}
SERVICE_FLOORS: list[set[str]] = [  # parts of `service`, each importing from floors below it
    {"configuration"},
    {"settings", "errors", "shutdown"},
    {"job", "request_id", "admin_key"},
    {"logs"},
    {"metrics"},
    {"engine"},
    {"protocol", "shadow", "tracing"},
    {"page", "inspection", "grpc", "connection"},
    {"http"},
    {"listening"},
    {"app"},
    {"server"},
    {"cli"},
]
FORBIDDEN: dict[str, set[str]] = {  # module, or beginning of its name: what it may not import
    "fff.": {"pydantic", "safetensors", "fastapi", "os"},
    "service.configuration": {"fff", "model_store"},
    "service.settings": {"fff", "model_store"},
    "service.metrics": {"fastapi", "starlette", "torch"},
    "service.engine": {"fastapi", "starlette"},
    "service.protocol": {"fastapi", "starlette", "torch"},
    "service.grpc": {"fastapi", "starlette"},
    "service.http": {"fff.kernels", "torch"},
    "service.app": {"fff.kernels", "torch"},
    "service.http.schemas": {"fff"},
}
ONLY_IN: dict[str, str] = {
    "typer": "service.cli",
    # Optional, and imported only with a port:
    **dict.fromkeys(("grpc", "grpc_health", "grpc_reflection"), "service.grpc"),
    "opentelemetry": "service.tracing",  # optional, and imported only with an endpoint
    # Optional, and imported only for a store that is a URL:
    **dict.fromkeys(("fsspec", "s3fs", "huggingface_hub"), "model_store.remote"),
    "sklearn": "evaluation",
    "tokenizers": "networks.text",  # optional, and imported only for a model with a tokenizer
    "pyarrow": "evaluation.table_file",  # optional, and imported only for a table
    "matplotlib": "evaluation.report",
    **dict.fromkeys(("litserve", "mosec", "bentoml", "mlserver"), "bench.peers"),
}
ONLY_STANDARD_LIBRARY = ("service.engine.batcher", "service.metrics.label_values")
MAY_RUN_CODE = {"pickle", "_pickle", "marshal", "shelve", "multiprocessing", "dill", "joblib"}
"""What turns bytes into objects of any kind; multiprocessing pickles what it sends."""

MOST_ROOT_FILES = {"service": 11, "bench": 8}
MOST_LINES, MOST_KERNEL_LINES = 250, 300

FILES = sorted(f for package in FLOORS for f in (ROOT / HOMES.get(package, package)).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def module_name(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__").removeprefix("client.")


MODULES = {module_name(file): file for file in FILES}


@cache
def imported(module: str) -> frozenset[str]:
    """Names a module imports, anywhere in it; `a` and `a.b` for `from a import b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import hides its floor"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def package_of(name: str) -> str:
    return name.partition(".")[0]


def imports() -> Iterator[tuple[str, str]]:
    """Every import: the module it stands in, and the name."""
    for module in MODULES:
        for name in imported(module):
            yield module, name


def floor_of(module: str) -> int:
    """The floor of a module of the service; the package itself is below all."""
    part = module.split(".")[1:2]
    return next((floor for floor, parts in enumerate(SERVICE_FLOORS) if {*part} <= parts), -1)


def test_a_package_imports_from_itself_and_below():
    ours = {*FLOORS, "tests"}

    upward = {
        (module, name)
        for module, name in imports()
        if package_of(name) in ours - FLOORS[package_of(module)] - {package_of(module)}
    }

    assert not upward


def test_a_part_of_the_service_imports_from_itself_and_from_lower_floors():
    names = {name.split(".")[1] for name in MODULES if name.count(".") and within(name, "service")}
    assert names == set().union(*SERVICE_FLOORS)

    upward = {
        (module, name)
        for module, name in imports()
        if within(module, "service") and within(name, "service") and name in MODULES
        if module.split(".")[1:2] != name.split(".")[1:2] and floor_of(module) <= floor_of(name)
    }

    assert not upward


def test_no_import_goes_in_a_circle():
    """Between modules, and so within a folder too."""
    graph = {module: {*imported(module)} & MODULES.keys() - {module} for module in MODULES}

    assert len([*TopologicalSorter(graph).static_order()]) == len(MODULES)


def test_nothing_is_imported_where_it_does_not_belong():
    misplaced = {
        (module, name)
        for module, name in imports()
        if any(
            module.startswith(beginning) and any(within(name, f) for f in forbidden)
            for beginning, forbidden in FORBIDDEN.items()
        )
        or not module.startswith(ONLY_IN.get(package_of(name), ""))
        or (
            module in ONLY_STANDARD_LIBRARY
            and package_of(name) not in sys.stdlib_module_names
            and not name.startswith(ONLY_STANDARD_LIBRARY)
        )
    }

    assert not misplaced


def test_nothing_is_unpickled():
    """Naming the exception of torch's restricted unpickler is not unpickling."""
    taken = {
        (module, name)
        for module, name in imports()
        if package_of(module)
        in ("fff", "networks", "model_store", "evaluation", "service", "fff_client")
        and package_of(name) in MAY_RUN_CODE
    }

    assert {name for _, name in taken} <= {"pickle", "pickle.UnpicklingError"}
    assert all((module, "pickle.UnpicklingError") in taken for module, _ in taken)


def test_only_the_command_line_knows_training():
    knows = {m for m, name in imports() if package_of(name) in ("training", "evaluation")}

    assert {m for m in knows if within(m, "service") and not within(m, "service.cli")} == set()


def test_only_services_with_something_changed_are_made_of_the_service():
    knows = {m for m, name in imports() if within(m, "bench") and within(name, "service")}

    assert knows == {
        "bench.overhead.accepted_by_loop",
        "bench.overhead.uncounted",
        "bench.gpu.serving.altered",
    }


def test_only_the_backend_choice_names_a_kernel():
    """One for a service, one for a layer whose rows and answers stay on their device."""
    knows = {m for m, name in imports() if within(name, "fff.kernels")}

    assert {m for m in knows if not m.startswith(("fff.kernels", "bench"))} == {
        "fff.backends",
        "fff.resident",
    }


def test_a_file_fits_in_the_head():
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in [*FILES, *TESTS]}

    long = {
        str(file): n
        for file, n in lines.items()
        if n > (MOST_KERNEL_LINES if "kernels" in file.parts else MOST_LINES)
    }

    assert not long


def test_a_folder_shows_what_starts_it_and_what_is_shared():
    for package, most in MOST_ROOT_FILES.items():
        assert len([*(ROOT / package).glob("*.py")]) <= most, package


def test_a_module_says_what_it_is():
    silent = {
        module
        for module, file in MODULES.items()
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    }

    assert not silent


def test_there_is_something_to_check():
    """The tests above walk folders; an empty walk would pass them all."""
    assert {package_of(module) for module in MODULES} == FLOORS.keys()
