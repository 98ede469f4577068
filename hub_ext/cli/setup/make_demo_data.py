"""Runs inside the Python image and writes the demo's datasets, of real data that ships in its packages.

Argument: the folder to write to. Nothing of hub-ext is imported here.
"""

import shutil
import sys
from pathlib import Path

import pydicom
from lifelines.datasets import load_rossi
from pydicom.data import get_testdata_file
from sklearn.datasets import load_breast_cancer

DICOM_FILES = ("CT_small.dcm", "MR_small.dcm", "US1_J2KR.dcm", "examples_overlay.dcm", "JPEG2000.dcm")


def breast_cancer(folder: Path) -> None:
    """569 tumours, 30 measurements each."""
    table = load_breast_cancer(as_frame=True).frame
    table.insert(0, "code", [f"T{number:04}" for number in range(1, len(table) + 1)])
    table["diagnosis"] = table.pop("target").map({0: "malignant", 1: "benign"})
    table.to_csv(folder / "tumours.csv", index=False)
    (folder / "README.md").write_text(
        "# Breast tumours, Wisconsin\n\nWolberg, Street and Mangasarian, 1995: measurements of cell nuclei "
        "in fine needle aspirates. One line per tumour in `tumours.csv`; `diagnosis` says benign or not.\n"
    )


def dicom(folder: Path) -> None:
    """The images of pydicom's own package, as far as they lie in it."""
    found = 0
    for name in DICOM_FILES:
        path = get_testdata_file(name, download=False)
        if path:
            shutil.copy(str(path), folder / name)
            pydicom.dcmread(folder / name)
            found += 1
    if not found:
        sys.exit("pydicom carries none of the images")
    (folder / "README.md").write_text("# Images in DICOM\n\nPublic test images, as scanners write them.\n")


def survival(folder: Path) -> None:
    """432 coded persons and the week of their event."""
    table = load_rossi()
    table.insert(0, "code", [f"P{number:04}" for number in range(1, len(table) + 1)])
    table.rename(columns={"week": "time", "arrest": "event", "fin": "treated"}).to_csv(
        folder / "survival.csv", index=False
    )
    (folder / "README.md").write_text(
        "# Survival\n\nRossi, Berk and Lenihan, 1980: a randomised trial with follow-up of 52 weeks. In "
        "`survival.csv`, `time` is in weeks, `event` is 1 where it happened, `treated` is the arm.\n"
    )


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for slug, make in (("breast-cancer", breast_cancer), ("dicom", dicom), ("survival", survival)):
        (target / slug).mkdir()
        make(target / slug)
