"""A folder's pictures come in order, byte for byte, and with ids that a second run repeats."""

from pathlib import Path

import pytest
from tests.inspectd.frames.pictures import folder_of, jpeg, png

from inspectd.errors import Misconfigured
from inspectd.frames.folder import FolderShots
from inspectd.frames.shot import Shot


def everything(shots: FolderShots) -> list[Shot]:
    found = []
    while (shot := shots.take()) is not None:
        found.append(shot)
    return found


def test_files_come_in_natural_order_and_untouched(tmp_path: Path) -> None:
    folder_of(tmp_path, 12)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "A.PNG").write_bytes(png())
    found = everything(FolderShots(folder=tmp_path))
    assert [shot.name for shot in found] == [f"part-{n}.jpg" for n in range(12)] + ["sub/A.PNG"]
    assert found[3].data == (tmp_path / "part-3.jpg").read_bytes()
    assert found[-1].media_type == "image/png"


def test_a_second_run_gives_the_same_ids_and_a_changed_file_another_one(tmp_path: Path) -> None:
    folder_of(tmp_path, 3)
    first = FolderShots(folder=tmp_path)
    numbers = [shot.number for shot in everything(first)]
    (tmp_path / "part-1.jpg").write_bytes(jpeg(200))
    second = FolderShots(folder=tmp_path)
    again = [shot.number for shot in everything(second)]
    assert first.boot == second.boot
    assert (numbers[0], numbers[2]) == (again[0], again[2])
    assert numbers[1] != again[1]


def test_a_loop_never_ends_and_never_repeats_an_id(tmp_path: Path) -> None:
    shots = FolderShots(folder=folder_of(tmp_path, 2), loop=True)
    found = [shots.take() for _ in range(7)]
    assert [shot.name for shot in found if shot] == ["part-0.jpg", "part-1.jpg"] * 3 + ["part-0.jpg"]
    assert len({shot.number for shot in found if shot}) == 7
    assert FolderShots(folder=tmp_path, loop=True).boot != shots.boot
    shots.close()
    assert shots.take() is None
    assert not shots.connected


def test_a_file_that_went_away_is_passed_over(tmp_path: Path) -> None:
    shots = FolderShots(folder=folder_of(tmp_path, 3))
    (tmp_path / "part-1.jpg").unlink()
    assert [shot.name for shot in everything(shots)] == ["part-0.jpg", "part-2.jpg"]


def test_a_loop_over_files_that_all_went_away_ends(tmp_path: Path) -> None:
    shots = FolderShots(folder=folder_of(tmp_path, 2), loop=True)
    for file in tmp_path.iterdir():
        file.unlink()
    assert shots.take() is None


@pytest.mark.parametrize("make", [lambda path: path / "nothing", lambda path: path])
def test_a_folder_without_pictures_is_told(tmp_path: Path, make: object) -> None:
    with pytest.raises(Misconfigured, match=r"frames\.source"):
        FolderShots(folder=make(tmp_path))  # type: ignore[operator]
