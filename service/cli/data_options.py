"""
Options that say where labelled data are, as the commands that read them share them.

Covered:      one path to a data set; what the images of a folder are brought to.
Not covered:  reading (`evaluation.datasets`).
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from evaluation.image_folder import ImageForm

DataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Labelled images: a folder of IDX files with MNIST's names, a folder of images "
        "(train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png) or an .npz file. A field: a "
        "raster (.npy, .npz, .tif) or a Python function (MODULE:FUNCTION). A table: .csv, .csv.gz "
        "or .parquet, or a folder with train.csv and test.csv.",
    ),
]
ImageSizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|WxH",
        help="Bring a folder's images to this size: padded to its shape in their border's shade, "
        "and averaged. Without, all must have one size.",
    ),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="NAME",
        help="What is predicted: the column of a table; or an array of a raster's .npz file, "
        "repeatable, without it all arrays that have the most axes.",
    ),
]
CategoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--category",
        metavar="NAME",
        help="A table's column of whole numbers that are names of categories; repeatable. Texts "
        "and booleans are categories anyway.",
    ),
]
LeaveOutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--leave-out", metavar="NAME", help="A table's column that is no input; repeatable."
    ),
]
HeldOutOption = Annotated[
    bool,
    typer.Option(
        "--heldout",
        help="Of a field or a table, only what the model's training held out for the test.",
    ),
]
GreyOption = Annotated[bool, typer.Option("--grey", help="Turn a folder's images to grey.")]


def image_form(size: str | None, grey: bool) -> "ImageForm":
    """
    What the images of a folder are brought to.

    Raises:
        BadParameter: The size is none.
    """
    from evaluation.image_folder import ImageForm

    if size is None:
        return ImageForm(grey=grey)
    sides = re.fullmatch("([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", size)
    if sides is None:
        raise typer.BadParameter(
            f"--image-size takes a side (28) or width and height (64x48), up to 9999; got {size!r}"
        )
    width = int(sides[1])
    return ImageForm((width, int(sides[2] or width)), grey)
