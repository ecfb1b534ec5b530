"""A Python function is sampled where its inputs are; what it cannot be is said."""

import numpy as np
import pytest

from evaluation.errors import DatasetError
from evaluation.fields import load_field

MODULE = """
import numpy as np
def density(x, y, z): return np.sin(3 * x) + y * z
def flow(x, y): return {"u": -y, "v": x}
def constant(x): return 3.0
def nothing(): return 1.0
def broken(x): raise RuntimeError("no data")
number = 4
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "my_fields.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)


def test_inputs_have_the_parameters_names_and_values_are_the_functions():
    samples = load_field("my_fields:density", (), 500)

    assert [column.name for column in samples.inputs or ()] == ["x", "y", "z"]
    assert samples.x.shape == (500, 3)
    assert np.abs(samples.x).max() <= 1
    x, y, z = samples.x.T.astype(np.float64)
    assert np.allclose(samples.y[:, 0], np.sin(3 * x) + y * z, atol=1e-6)
    assert samples.sha256 == load_field("my_fields:density", (), 500).sha256
    assert samples.sha256 != load_field("my_fields:density", (), 501).sha256


def test_a_dictionary_is_several_targets():
    samples = load_field("my_fields:flow", (), 50)

    assert [target.name for target in samples.targets or ()] == ["u", "v"]
    assert np.array_equal(samples.y, np.stack((-samples.x[:, 1], samples.x[:, 0]), 1))


WRONG = {
    "my_fields:constant": r"constant must be \[50\] numbers, got \[\]",
    "my_fields:nothing": "takes none",
    "my_fields:broken": "failed: RuntimeError: no data",
    "my_fields:absent": "has no function 'absent'",
    "my_fields:number": "has no function 'number'",
    "no_such_module:f": "a module 'no_such_module' was expected",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_field_is_refused(name):
    with pytest.raises(DatasetError, match=WRONG[name]):
        load_field(name, (), 50)
