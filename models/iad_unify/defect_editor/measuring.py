"""An evaluation from the command's options to a report, plots and, if asked, the checkpoint's card."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from rich.table import Table

from iad_unify.checkpoint import CheckpointError, Figure, model_version, write_card
from iad_unify.defect_editor.backbone import ExplainerBackbone
from iad_unify.defect_editor.evaluation import Evaluator, Report, plot, trials
from iad_unify.defect_editor.references import ExpertReferences
from iad_unify.defect_editor.sampling import edit
from iad_unify.defect_editor.sheet import write_sheet
from iad_unify.defect_editor.weights import LoadedEditor, load


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure and where to write it."""

    checkpoint: Path
    explainer: Path
    expert: Path
    out: Path
    plots: Path | None
    pictures: int
    steps: int
    guidance: float
    seed: int
    threads: int
    record: bool

    @property
    def command(self) -> str:
        """The command that measures this again; a card travels, so it names no folder of this machine."""
        return (
            "iad-unify evaluate generation --checkpoint EDITOR --explainer EXPLAINER --expert EXPERT"
            f" --data procedural:test --pictures {self.pictures} --steps {self.steps}"
            f" --guidance {self.guidance:g} --seed {self.seed} --out report.json"
        )


def measure(order: Order, advance: Callable[[int], None] = lambda done: None) -> Table:
    """Runs the evaluation, writes its files and returns the table to print. Raises CheckpointError."""
    order.out.parent.mkdir(parents=True, exist_ok=True)
    loaded = load(order.checkpoint)
    found, wanted = model_version(order.explainer), loaded.config.explainer_version
    if found != wanted:
        problem = f"was trained on the hidden states of explainer {wanted}, not {found}"
        raise CheckpointError(order.checkpoint, f"evaluate it with explainer {wanted}", problem)
    evaluator = Evaluator(
        partial(edit, loaded.model, loaded.config.crop),
        ExplainerBackbone(order.explainer, order.threads),
        ExpertReferences(order.expert, order.threads),
        order.steps,
        order.guidance,
    )
    report = evaluator.run(list(trials(order.pictures, order.seed)), advance)
    _write(order, report, loaded, evaluator.judge.model_version)
    return _table(report)


def _write(order: Order, report: Report, loaded: LoadedEditor, judge: str) -> None:
    values = {
        "model_version": model_version(order.checkpoint),
        "explainer": loaded.config.explainer_version,
        "judge": judge,
        "data": f"procedural:test, {order.pictures} drawings, seed {order.seed}",
        "command": order.command,
        "figures": {name: asdict(one) for name, one in report.figures.items()},
        "by_type": {kind: {name: asdict(one) for name, one in row.items()} for kind, row in report.by_type.items()},
    }
    order.out.write_text(json.dumps(values, indent=2) + "\n")
    if order.plots:
        plot(report, order.plots / "type_accuracy.png")
        write_sheet(order.plots / "edits.png", report.sheet)
    if order.record:
        figures = {
            name: Figure(one.value, (one.low, one.high), order.command)
            for name, one in report.figures.items()
            if one.count
        }
        write_card(order.checkpoint, replace(loaded.card, figures=figures))


def _table(report: Report) -> Table:
    table = Table("figure", "value", "95 % interval", "drawings")
    for name, one in report.figures.items():
        table.add_row(name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", str(one.count))
    return table
