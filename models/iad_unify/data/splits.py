"""Splitting a data set by group, so that one physical part never lies on both sides.

A split file is JSON: {"train": [groups], "validation": [groups], "test": [groups]}.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iad_unify.data.samples import PARTS, DataError, Sample


@dataclass(frozen=True, slots=True)
class Split:
    """Groups of each part; every group is in exactly one."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def parts(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """The groups of train, validation and test."""
        return frozenset(self.train), frozenset(self.validation), frozenset(self.test)

    def part(self, name: str) -> frozenset[str]:
        """The groups of "train", "validation" or "test"; raises KeyError."""
        return dict(zip(PARTS, self.parts(), strict=True))[name]


def by_group(samples: Iterable[Sample], train_share: float, validation_share: float, seed: int) -> Split:
    """Split so that each kind of group (its set of defect types) is shared out in proportion.

    `train_share` of the groups go to train and validation together, and `validation_share` of those to validation.
    Same samples, shares and seed give the same split.
    """
    rng = np.random.default_rng(seed)
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    learn_quota, check_quota = _Quota(train_share), _Quota(validation_share)
    for groups in _strata(samples):
        shuffled = [groups[index] for index in rng.permutation(len(groups))]
        learn = learn_quota.take(len(groups))
        check = check_quota.take(learn)
        for part, chosen in zip(parts, (shuffled[check:learn], shuffled[:check], shuffled[learn:]), strict=True):
            part.extend(chosen)
    return Split(*(tuple(sorted(part)) for part in parts))


def divide(samples: Sequence[Sample], train_share: float, validation_share: float, seed: int) -> Split:
    """Split for a training: what a data set itself calls its test part stays that, the rest is as in `by_group`.

    Samples that come without a part are split by the shares. Of those with one, everything but test is learnt from, and
    validation is the set's own, else its share of the train groups. A group that the set itself has in several parts is
    named in the first of train, validation and test.
    """
    owned = [sample for sample in samples if sample.part]
    if not owned:
        return by_group(samples, train_share, validation_share, seed)
    free = by_group([sample for sample in samples if not sample.part], train_share, validation_share, seed)
    train, validation, test = ({sample.group for sample in owned if sample.part == name} for name in PARTS)
    if not validation:
        learnt = by_group([sample for sample in owned if sample.part != PARTS[2]], 1.0, validation_share, seed)
        train, validation = set(learnt.train), set(learnt.validation)
    parts = (
        train | {*free.train},
        (validation | {*free.validation}) - train,
        (test | {*free.test}) - train - validation,
    )
    return Split(*(tuple(sorted(part)) for part in parts))


def with_prefixes(split: Split, samples: Iterable[Sample]) -> Split:
    """The split of one data set for `samples.read_all` of several, which names its groups `folder:group`.

    A data set of which the split names no group is learnt from as a whole: what was added to the one that the split file
    was written for does not move its parts. Groups that the file does name are where it says.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for group in dict.fromkeys(sample.group for sample in samples):
        folders[group.split(":", 1)[0]].append(group)
    named: tuple[list[str], list[str], list[str]] = ([], [], [])
    for folder, groups in folders.items():
        chosen = [[g for g in groups if g in part or g.removeprefix(f"{folder}:") in part] for part in split.parts()]
        for part, found in zip(named, chosen if any(chosen) else [groups, [], []], strict=True):
            part.extend(found)
    return Split(*(tuple(sorted(part)) for part in named))


def k_fold(samples: Iterable[Sample], folds: int, seed: int, validation_share: float = 0.2) -> list[Split]:
    """`folds` splits whose test parts together are every group once, with the kinds of groups dealt out evenly.

    `validation_share` of the other groups, at least one of several, are each split's validation. Raises ValueError for
    fewer than two folds, or fewer groups than folds.
    """
    strata = _strata(samples)
    total = sum(len(groups) for groups in strata)
    if not 2 <= folds <= total:
        raise ValueError(f"{folds} folds of {total} groups")
    rng = np.random.default_rng(seed)
    dealt = [groups[index] for groups in strata for index in rng.permutation(len(groups))]
    return [_holding_out(frozenset(dealt[fold::folds]), strata, validation_share, rng) for fold in range(folds)]


def leave_one_group_out(samples: Iterable[Sample], seed: int = 0, validation_share: float = 0.2) -> list[Split]:
    """A split for each group, by name, with that group alone as its test part; validation as in `k_fold`.

    Raises ValueError when there are fewer than two groups.
    """
    strata = _strata(samples)
    names = sorted(name for groups in strata for name in groups)
    if len(names) < 2:
        raise ValueError(f"{len(names)} groups: nothing would be left to learn from")
    rng = np.random.default_rng(seed)
    return [_holding_out(frozenset({name}), strata, validation_share, rng) for name in names]


def _strata(samples: Iterable[Sample]) -> list[list[str]]:
    """The groups, sorted, of each kind: those that show the same set of types."""
    types: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        types[sample.group] |= sample.defect_types
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group, found in types.items():
        strata[tuple(sorted(found))].append(group)
    return [sorted(groups) for _, groups in sorted(strata.items())]


def _holding_out(test: frozenset[str], strata: list[list[str]], share: float, rng: np.random.Generator) -> Split:
    """Those groups as the test part, and `share` of each kind of the others as validation."""
    quota = _Quota(share)
    train: list[str] = []
    validation: list[str] = []
    for groups in strata:
        rest = [group for group in groups if group not in test]
        shuffled = [rest[index] for index in rng.permutation(len(rest))]
        taken = quota.take(len(rest))
        validation += shuffled[:taken]
        train += shuffled[taken:]
    if not validation and len(train) > 1:
        validation.append(train.pop(int(rng.integers(len(train)))))
    return Split(tuple(sorted(train)), tuple(sorted(validation)), tuple(sorted(test)))


class _Quota:
    """Rounds a share of several strata so that the total is right: what one lost by rounding, the next gets."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._owed = 0.0

    def take(self, total: int) -> int:
        exact = total * self._share + self._owed
        taken = min(total, max(0, round(exact)))
        self._owed = exact - taken
        return taken


def write(split: Split, path: Path) -> None:
    """Write the split file."""
    values = {"train": split.train, "validation": split.validation, "test": split.test}
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Split:
    """Read a split file; raises DataError when it is damaged or a group is in two parts."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        parts = [tuple(str(group) for group in values.get(name, ())) for name in PARTS]
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(path, f"not a split file ({error})") from error
    groups = [group for part in parts for group in part]
    if len(groups) != len(set(groups)):
        raise DataError(path, "a group is named twice")
    return Split(*parts)


def select(samples: Sequence[Sample], groups: Iterable[str]) -> list[Sample]:
    """The samples of those groups, in order."""
    chosen = frozenset(groups)
    return [sample for sample in samples if sample.group in chosen]
