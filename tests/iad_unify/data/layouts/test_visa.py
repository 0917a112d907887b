"""VisA as it is released, and without its split file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from iad_unify.data import layouts
from iad_unify.data.samples import DataError, Sample
from iad_unify.types import UNKNOWN

Draw = Callable[..., Path]


@pytest.fixture
def visa(tmp_path: Path, draw: Draw) -> Path:
    for name in ("Normal/0000", "Normal/0001", "Anomaly/000", "Anomaly/001"):
        draw(f"candle/Data/Images/{name}.JPG")
    for name in ("000", "001"):
        draw(f"candle/Data/Masks/Anomaly/{name}.png", 2)
    (tmp_path / "candle" / "image_anno.csv").write_text(
        "image,label,mask\n"
        "candle/Data/Images/Normal/0000.JPG,normal,\n"
        "candle/Data/Images/Anomaly/000.JPG,Chunk of wax missing,candle/Data/Masks/Anomaly/000.png\n"
        'candle/Data/Images/Anomaly/001.JPG,"melt, scratch",candle/Data/Masks/Anomaly/001.png\n'
    )
    return tmp_path


def _split(folder: Path, *rows: str) -> None:
    (folder / "split_csv").mkdir()
    (folder / "split_csv" / "1cls.csv").write_text("object,split,label,image,mask\n" + "".join(f"{r}\n" for r in rows))


def _by_name(samples: list[Sample]) -> dict[str, Sample]:
    return {f"{sample.image.parent.name}/{sample.image.stem}": sample for sample in samples}


def test_the_folders_are_read_with_the_types_of_the_annotations(visa: Path) -> None:
    found = _by_name(layouts.read(visa))
    assert layouts.detect(visa).name == "VisA"
    assert len(found) == 4
    assert found["Normal/0001"].good
    missing = found["Anomaly/000"]
    assert (missing.defect_type, missing.product, missing.part) == ("chunk_of_wax_missing", "candle", None)
    assert missing.mask == visa / "candle/Data/Masks/Anomaly/000.png"
    assert found["Anomaly/001"].defect_type == UNKNOWN
    assert len({sample.group for sample in found.values()}) == 4


def test_one_object_alone_is_read_too(visa: Path) -> None:
    found = _by_name(layouts.read(visa / "candle"))
    assert (found["Anomaly/000"].defect_type, found["Anomaly/000"].product) == ("chunk_of_wax_missing", "candle")


def test_the_split_file_says_what_trains_and_what_tests(visa: Path) -> None:
    _split(
        visa,
        "candle,train,normal,candle/Data/Images/Normal/0001.JPG,",
        "candle,test,normal,candle/Data/Images/Normal/0000.JPG,",
        "candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png",
    )
    train, test, bad = layouts.read(visa)
    assert (train.part, train.good, test.part, test.good) == ("train", True, "test", True)
    assert (bad.part, bad.defect_type) == ("test", "chunk_of_wax_missing")
    assert bad.mask == visa / "candle/Data/Masks/Anomaly/000.png"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("candle,train,normal,candle/gone.JPG,", "line 2"),
        ("candle,learn,normal,candle/Data/Images/Normal/0001.JPG,", "'learn'"),
    ],
)
def test_a_split_file_that_does_not_fit_is_refused(visa: Path, row: str, words: str) -> None:
    _split(visa, row)
    with pytest.raises(DataError, match=words):
        layouts.read(visa)


def test_a_split_file_without_its_columns_is_refused(visa: Path) -> None:
    (visa / "split_csv").mkdir()
    (visa / "split_csv" / "1cls.csv").write_text("object,image\n")
    with pytest.raises(DataError, match="split, label, mask"):
        layouts.read(visa)
