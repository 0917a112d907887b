"""Splits never part a group."""

from pathlib import Path

import pytest

from iad_unify.data import splits
from iad_unify.data.samples import DataError, Sample

SAMPLES = [
    Sample(Path(f"{group}-{number}.png"), None, kind, f"g{group}")
    for group in range(60)
    for number in range(3)
    for kind in [("crack" if group % 3 == 0 and number == 0 else None)]
]


@pytest.mark.parametrize(("share", "seed"), [(0.5, 0), (0.3, 1), (1.0, 2)])
def test_every_group_is_in_one_part_and_the_shares_are_kept(share: float, seed: int) -> None:
    split = splits.by_group(SAMPLES, share, 0.2, seed)
    groups = [*split.train, *split.validation, *split.test]
    assert sorted(groups) == sorted({sample.group for sample in SAMPLES})
    assert abs(len(split.test) - 60 * (1 - share)) <= 1
    assert abs(len(split.validation) - 60 * share * 0.2) <= 1


def test_kinds_of_groups_are_shared_out_in_proportion() -> None:
    split = splits.by_group(SAMPLES, 0.5, 0.2, 0)
    chosen = splits.select(SAMPLES, split.test)
    assert sum(sample.defect_type == "crack" for sample in chosen) == 10


def test_the_same_seed_splits_alike_and_another_one_does_not() -> None:
    assert splits.by_group(SAMPLES, 0.5, 0.2, 4) == splits.by_group(SAMPLES, 0.5, 0.2, 4)
    assert splits.by_group(SAMPLES, 0.5, 0.2, 4) != splits.by_group(SAMPLES, 0.5, 0.2, 5)


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_the_folds_test_every_group_once_and_deal_out_its_kinds(folds: int) -> None:
    found = splits.k_fold(SAMPLES, folds, 0)
    assert sorted(name for split in found for name in split.test) == sorted({sample.group for sample in SAMPLES})
    for split in found:
        assert len({*split.train, *split.validation, *split.test}) == 60
        assert abs(len(split.validation) - 0.2 * (60 - len(split.test))) <= 1
        cracked = sum(sample.defect_type == "crack" for sample in splits.select(SAMPLES, split.test))
        assert abs(cracked - 20 / folds) < 1
        assert any(sample.defect_type for sample in splits.select(SAMPLES, split.validation))
    assert splits.k_fold(SAMPLES, folds, 0) == found


def test_each_group_is_left_out_once() -> None:
    few = [sample for sample in SAMPLES if sample.group in {"g0", "g1", "g2"}]
    found = splits.leave_one_group_out(few)
    assert [split.test for split in found] == [("g0",), ("g1",), ("g2",)]
    assert all(len(split.train) == 1 and len(split.validation) == 1 for split in found)


def test_folds_that_cannot_be_are_refused() -> None:
    one = [sample for sample in SAMPLES if sample.group == "g0"]
    for folds in (1, 61):
        with pytest.raises(ValueError, match="folds of 60"):
            splits.k_fold(SAMPLES, folds, 0)
    with pytest.raises(ValueError, match="1 groups"):
        splits.leave_one_group_out(one)


def test_a_split_comes_back_from_its_file(tmp_path: Path) -> None:
    split = splits.by_group(SAMPLES, 0.5, 0.2, 0)
    splits.write(split, tmp_path / "groups.json")
    assert splits.read(tmp_path / "groups.json") == split
    assert split.part("test") == frozenset(split.test)


@pytest.mark.parametrize("text", ["[]", "nonsense", '{"train": ["a"], "test": ["a"]}'])
def test_a_damaged_split_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "groups.json").write_text(text)
    with pytest.raises(DataError):
        splits.read(tmp_path / "groups.json")


def parted(name: str, part: str | None) -> Sample:
    return Sample(Path(f"{name}.png"), None, None, name, part=part)


def test_what_a_data_set_keeps_for_testing_is_never_learnt_from() -> None:
    own = [parted(f"a{index}", "train") for index in range(10)] + [parted(f"t{index}", "test") for index in range(6)]
    split = splits.divide(own, 0.5, 0.2, 0)
    assert set(split.test) == {f"t{index}" for index in range(6)}
    assert len(split.validation) == 2
    assert len(split.train) == 8
    held = splits.divide([*own, parted("v", "validation")], 0.5, 0.2, 0)
    assert held.validation == ("v",)
    assert len(held.train) == 10


def test_beside_a_divided_data_set_one_without_parts_is_split_by_the_shares() -> None:
    own = [parted(f"a{index}", "train") for index in range(10)] + [parted("t", "test")]
    split = splits.divide([*own, *SAMPLES], 0.5, 0.2, 0)
    alone = splits.by_group(SAMPLES, 0.5, 0.2, 0)
    assert {*alone.test, "t"} == set(split.test)
    assert set(alone.train) < set(split.train)
    assert splits.divide(SAMPLES, 0.5, 0.2, 0) == alone


def test_a_group_that_lies_in_several_parts_is_named_once() -> None:
    split = splits.divide([parted("g", "train"), parted("g", "test"), parted("h", "train")], 0.5, 0.0, 0)
    assert split.test == ()
    assert {*split.train, *split.validation} == {"g", "h"}


def test_a_split_file_holds_for_its_data_set_beside_others() -> None:
    split = splits.Split(("g1",), ("g2",), ("g3",))
    first = [parted(f"drawn:g{index}", None) for index in (1, 2, 3, 4)]
    edits = [parted(f"job:{name}", "train") for name in ("x", "y")]
    found = splits.with_prefixes(split, [*first, *edits])
    assert found == splits.Split(("drawn:g1", "job:x", "job:y"), ("drawn:g2",), ("drawn:g3",))
    assert splits.with_prefixes(found, [*first, *edits]) == found
