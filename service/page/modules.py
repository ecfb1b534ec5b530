"""
ES modules joined into one script, which a document can hold inline.

Covered:      `import { a, b } from "./file.js";` and `export` before a declaration.
Not covered:  other forms of import or export, and cycles: each is refused. `await` at the top.

Each file becomes a function that returns its exports, in the order of their imports. So a file
keeps a scope of its own, and what runs is what a browser would run from separate files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

IMPORT = re.compile(r'^import \{([\w\s,]+)\} from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|class|function|async function) (\w+))", re.MULTILINE)
OTHER = re.compile(r"^\s*(?:import|export)\b.*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Module:
    """
    One file.

    Attributes:
        imports: The other files' stems, each with the names taken from it.
        exports: The names that others may take.
        body: The source, its imports and exports rewritten for `join_modules`.
    """

    imports: dict[str, set[str]]
    exports: list[str]
    body: str


def join_modules(sources: Mapping[str, str]) -> str:
    """
    Join the modules, each after those that it imports.

    Args:
        sources: JavaScript by the file's stem.

    Raises:
        ValueError: If an import or export is of another form, names what is not there, or the
            imports go round in a circle.
    """
    modules = {stem: parse_module(stem, source) for stem, source in sources.items()}
    for stem, module in modules.items():
        for imported, names in module.imports.items():
            _check_import(stem, imported, names, modules)
    order = TopologicalSorter({stem: module.imports for stem, module in modules.items()})
    return "\n".join(_as_function(stem, modules[stem]) for stem in order.static_order())


def parse_module(stem: str, source: str) -> Module:
    """
    Read what a file imports and exports.

    Raises:
        ValueError: If a line begins with an import or export of another form.
    """
    imports: dict[str, set[str]] = {}
    for names, imported in IMPORT.findall(source):
        imports.setdefault(imported, set()).update(re.findall(r"\w+", names))
    body = IMPORT.sub(r"const {\1} = $\2;", EXPORT.sub("", source))
    if other := OTHER.search(body):
        raise ValueError(f"{stem}.js: expected a named import or export, got {other[0].strip()}")
    return Module(imports, EXPORT.findall(source), body)


def _check_import(stem: str, imported: str, names: set[str], modules: dict[str, Module]) -> None:
    if imported not in modules:
        raise ValueError(f"{stem}.js imports {imported}.js, which is not there")
    if missing := names - set(modules[imported].exports):
        raise ValueError(f"{imported}.js exports no {sorted(missing)}, which {stem}.js imports")


def _as_function(stem: str, module: Module) -> str:
    exports = ", ".join(module.exports)
    return f"const ${stem} = (() => {{\n{module.body}\nreturn {{ {exports} }};\n}})();"
