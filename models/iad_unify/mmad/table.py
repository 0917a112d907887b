"""MMAD's table as a CSV file and as lines of text. Formatting only."""

import csv
from pathlib import Path

from iad_unify.mmad.scoring import CHANCE, SUBTASKS, Row, Scored

HEADER = ("dataset", *SUBTASKS, "Average")


def write(scored: Scored, path: Path) -> None:
    """One row per data set and a last row `Average`, percent; the cell of a subtask that no data set has is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(_cells(row) for row in (*scored.rows, scored.average))


def _cells(row: Row) -> list[str]:
    values = [row.accuracies.get(kind) for kind in SUBTASKS]
    return [row.name, *("" if value is None else f"{value:.6f}" for value in (*values, row.average))]


def lines(scored: Scored) -> list[str]:
    """The table with one decimal, the notes below it."""
    width = max(len(row.name) for row in (*scored.rows, scored.average))
    short = [kind.replace("Defect", "D.").replace("Object", "O.").replace("Anomaly ", "") for kind in SUBTASKS]
    rows = ["  ".join([" " * width, *short, "Average"])]
    for row in (*scored.rows, scored.average):
        values = [row.accuracies.get(kind) for kind in SUBTASKS]
        cells = [
            f"{'-' if value is None else f'{value:.1f}':>{len(name)}}"
            for name, value in zip(short, values, strict=True)
        ]
        rows.append("  ".join([row.name.ljust(width), *cells, f"{row.average:7.1f}"]))
    return [*rows, f"{scored.counted} answers; guessing gives {CHANCE}", *scored.notes]
