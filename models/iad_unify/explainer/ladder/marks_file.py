"""Right and wrong of one checkpoint in an .npz file, with the group of each view. Knows no figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from iad_unify.explainer.ladder.asking import Table
from iad_unify.explainer.ladder.settings import Setting

NAME = "marks.npz"
_GROUPS = "groups"


def write(path: Path, groups: Sequence[str], found: Mapping[Setting, Table]) -> None:
    """In one step, so that a file that is there is whole."""
    arrays: dict[str, Any] = {
        f"{setting}/{name}": marks for setting, table in found.items() for name, marks in table.items()
    }
    arrays[_GROUPS] = np.array(groups, dtype=np.str_)
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as handle:
        np.savez_compressed(handle, **arrays)
    draft.replace(path)


def read(path: Path) -> tuple[list[str], dict[Setting, Table]]:
    """What was written; OSError when there is no such file."""
    found: dict[Setting, Table] = {}
    with np.load(path) as file:
        groups = [str(group) for group in file[_GROUPS]]
        for name in file.files:
            setting, _, aspect = name.partition("/")
            if aspect:
                found.setdefault(Setting(setting), {})[aspect] = file[name]
    return groups, found
