"""The page's modules are joined as a browser would load them, and what cannot be is refused."""

import re

import pytest

from service.page.document import FOLDER
from service.page.modules import join_modules, parse_module

SOURCES = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.js"))}


def run(browser, sources: dict[str, str]) -> object:
    """What the modules leave in `globalThis.result`."""
    page = browser.new_page()
    page.add_script_tag(content=join_modules(sources), type="module")
    page.wait_for_function("() => globalThis.result !== undefined")
    result = page.evaluate("globalThis.result")
    page.close()
    return result


def test_a_module_runs_after_those_that_it_imports(browser):
    sources = {
        "a": 'import { b } from "./b.js";\nimport {\n  c,\n} from "./c.js";\nresult = b + c();',
        "b": 'import { c } from "./c.js";\nexport const b = `${c()}b`;',
        "c": "export function c() { return 'c'; }",
        "d": "export class D {}\nexport async function d() {}",
    }

    assert run(browser, {"z": "globalThis.result = undefined;", **sources}) == "cbc"


def test_a_module_keeps_its_own_names_to_itself(browser):
    sources = {
        "a": 'import { one } from "./b.js";\nconst own = "a";\nglobalThis.result = [own, one()];',
        "b": 'const own = "b";\nexport function one() { return own; }',
    }

    assert run(browser, sources) == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('import { gone } from "./b.js";', r"b\.js exports no \['gone'\], which a\.js imports"),
        ('import { x } from "./gone.js";', r"a\.js imports gone\.js, which is not there"),
        ('import { b } from "./b.js";', "cycle"),
        ('import { b as c } from "./b.js";', r"b\.js exports no \['as', 'c'\]"),
        ('import b from "./b.js";', 'got import b from "./b.js";'),
        ('import * as b from "./b.js";', "expected a named import or export"),
        ('  import "./b.js";', "expected a named import or export"),
        ('import { b } from "/b.js";', "expected a named import or export"),
        ("export let a = 1;", "got export let a = 1;"),
        ("export default 1;", "expected a named import or export"),
        ("export { a };", "expected a named import or export"),
    ],
)
def test_what_cannot_be_joined_is_refused(line, why):
    sources = {"a": f"{line}\nexport const a = 1;", "b": 'import { a } from "./a.js";'}
    sources["b"] += "\nexport const b = 2;"

    with pytest.raises(ValueError, match=why):
        join_modules(sources)


def test_every_export_is_imported_and_start_imports_all():
    modules = {stem: parse_module(stem, source) for stem, source in SOURCES.items()}
    exports = {(stem, name) for stem, module in modules.items() for name in module.exports}
    imports = {
        (stem, name)
        for module in modules.values()
        for stem, names in module.imports.items()
        for name in names
    }

    assert exports == imports
    assert {stem for stem, _ in exports} == modules.keys() - {"start"}


@pytest.mark.parametrize("stem", SOURCES)
def test_a_module_says_first_what_it_is(stem):
    assert re.match(r"// [A-Z].*\.\n", SOURCES[stem])
