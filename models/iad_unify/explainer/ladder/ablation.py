"""`iad-unify ablate`: the table of schedules at equal steps, each with several seeds, and the two controls without regions.

Every arm is a checkpoint folder of its own with its marks beside it, so that what is finished is never done again. Seeds
change drawings, questions and weights; the defects that are asked about are the same for all.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iad_unify.checkpoint import CARD, CheckpointError, model_version, read_card
from iad_unify.explainer.collected import Pictures
from iad_unify.explainer.ladder import figures, marks_file
from iad_unify.explainer.ladder.asking import Table, pooled, tables
from iad_unify.explainer.ladder.measure import TRAINED, look, questioned
from iad_unify.explainer.ladder.measure import Order as LadderOrder
from iad_unify.explainer.ladder.settings import WORSE, Setting
from iad_unify.explainer.ladder.views import View
from iad_unify.explainer.recipe import Recipe, recipe_of
from iad_unify.explainer.session import Order as TrainingOrder
from iad_unify.explainer.session import Session, open_session
from iad_unify.explainer.training import STATE, Schedule
from iad_unify.region_expert.evaluation.resampling import Resampling
from iad_unify.region_expert.evaluation.subjects import Subjects, of_folder

#: The arms by name; all but `mixed`, our default, are run unless others are named. They learn what they are asked about,
#: which a thousand steps are enough for: of all kinds of questions in four languages such a run learns none.
ARMS: dict[str, Recipe] = {
    "gt": Recipe("gt", simple=True),
    "gt-then-predicted": Recipe("gt-then-predicted", simple=True),
    "stage-wise": Recipe("stage-wise", simple=True),
    "joint": Recipe("joint", simple=True),
    "S3t": Recipe(regions="whole", simple=True),
    "S4t": Recipe(regions="none", simple=True),
    "mixed": Recipe(simple=True),
}
USUAL = tuple(name for name in ARMS if name != "mixed")
#: What an arm that sees regions is asked in; the others are asked as they were trained.
ASKED = (Setting.ORACLE, Setting.PREDICTED, *WORSE, Setting.WHOLE, Setting.NONE)
#: The paper's location with true and with predicted regions, percent.
PAPER = {
    "gt": (96.82, 41.35),
    "gt-then-predicted": (95.47, 87.42),
    "stage-wise": (96.08, 91.56),
    "joint": (96.34, 93.28),
}
#: Differences of the report: the first arm's setting minus the second's.
GAPS = (
    *(("joint", setting, "gt", setting) for setting in (Setting.ORACLE, Setting.PREDICTED, *WORSE)),
    ("joint", Setting.PREDICTED, "S3t", Setting.WHOLE_TRAINED),
    ("joint", Setting.PREDICTED, "S4t", Setting.NONE_TRAINED),
)
RUN, REPORT = "ablation.json", "report.json"
#: What is asked about: drawings that no training meets, or this part of a data set.
DRAWN, ASKED_PART = "procedural:test", "test"

#: Runs a prepared session; False when it was interrupted.
Train = Callable[[str, Session], bool]


@dataclass(frozen=True, slots=True)
class Order:
    """What to train and to measure, and where."""

    expert: Path
    out: Path
    steps: int
    seeds: int = 3
    arms: tuple[str, ...] = USUAL
    data: Pictures | None = None  # None: drawings
    drawings: int = 3000
    views: int = 400  # drawings to look at for the questions
    batch: int = 16
    learning_rate: float = 1e-3
    resamples: int = 1000
    device: str = "cpu"

    def runs(self) -> list["Arm"]:
        """Every arm with every seed, seed by seed."""
        return [Arm(name, seed) for seed in range(self.seeds) for name in self.arms]

    def ladder(self) -> LadderOrder:
        """How its views are looked at."""
        data = DRAWN if self.data is None else self.data.folder
        groups = None if self.data is None else self.data.groups
        return LadderOrder(self.out, self.expert, data, self.out / REPORT, groups, pictures=self.views)

    def asked(self) -> Subjects | None:
        """The pictures of the data set that are asked about; None for drawings. DataError when there are none."""
        return None if self.data is None else of_folder(self.data.folder, self.data.groups, ASKED_PART, None)


@dataclass(frozen=True, slots=True)
class Arm:
    """One training run."""

    name: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}-{self.seed}"


def unfinished(order: Order) -> list[Arm]:
    """What is still to be trained or measured. Raises CheckpointError when OUT holds another table."""
    _same_table(order)
    return [arm for arm in order.runs() if not _finished(order, arm)]


def run(order: Order, train: Train, report: Callable[[str, float], None] = lambda doing, share: None) -> dict[str, Any]:
    """Train and measure what is unfinished, write and return the report; an interruption ends it after the arm's state is kept.

    Raises CheckpointError, DataError.
    """
    views: list[View] = []
    for arm in unfinished(order):
        if not _trained(order, arm):
            session = open_session(*_training(order, arm), lambda stage, done, of: report(stage, done / of))
            going_on = train(str(arm), session)
            if not going_on:
                session.checkpoint()
                break
            session.finish()
        if not views:
            views = look(order.ladder(), lambda share: report("looking at defects", share))
        _measure(order, arm, views, report)
    result = result_of(order)
    (order.out / REPORT).write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return result


def _training(order: Order, arm: Arm) -> tuple[TrainingOrder, Schedule]:
    out = order.out / str(arm)
    seen = order.out / "seen" / f"seed-{arm.seed}"  # shared by the arms of a seed
    resume = (out / STATE / "training.pt").is_file()
    what = TrainingOrder(
        order.expert,
        out,
        drawings=order.drawings,
        resume=resume,
        device=order.device,
        recipe=ARMS[arm.name],
        pictures=order.data,
        keep=seen,
    )
    rate = order.learning_rate
    return what, Schedule(minutes=0, steps=order.steps, batch=order.batch, learning_rate=rate, seed=arm.seed)


def _measure(order: Order, arm: Arm, views: Sequence[View], report: Callable[[str, float], None]) -> None:
    folder, regions = order.out / str(arm), ARMS[arm.name].regions
    settings = (TRAINED[regions],) if regions in TRAINED else ASKED
    asked = questioned(folder, views, settings, 0, lambda share: report(f"asking {arm}", share))
    marks_file.write(folder / marks_file.NAME, [view.group for view in views], tables(views, asked))


def _trained(order: Order, arm: Arm) -> bool:
    folder = order.out / str(arm)
    if not (folder / CARD).is_file():
        return False
    return read_card(folder).steps >= order.steps and recipe_of(folder) == ARMS[arm.name]


def _finished(order: Order, arm: Arm) -> bool:
    return _trained(order, arm) and (order.out / str(arm) / marks_file.NAME).is_file()


def _same_table(order: Order) -> None:
    """All arms of a table are trained alike and asked about the same; more seeds and arms may come later."""
    mine = {
        "expert": model_version(order.expert),
        "steps": order.steps,
        "batch": order.batch,
        "learning_rate": order.learning_rate,
        "drawings": order.drawings,
        "views": order.views,
        "data": "procedural" if order.data is None else order.data.key(order.data.samples()),
    }
    asked = order.asked()
    if asked is not None:
        told = "\n".join(f"{subject.name} {subject.group}" for subject in asked.measured)
        mine["asked"] = f"{asked.part}/{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    path = order.out / RUN
    if not path.is_file():
        order.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(mine, indent=2) + "\n", encoding="utf-8")
        return
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise CheckpointError(order.out, "name another folder", f"{RUN} is damaged ({error})") from error
    changed = ", ".join(name for name in mine if before.get(name) != mine[name])
    if changed == "asked" and "asked" not in before:  # a table from when this was not written down: it is now
        path.write_text(json.dumps(mine, indent=2) + "\n", encoding="utf-8")
    elif changed:
        raise CheckpointError(order.out, "name another folder", f"the table there differs in: {changed}")


def result_of(order: Order) -> dict[str, Any]:
    """The report of what is finished: each arm's settings (mean of its seeds), the differences, and what is unfinished."""
    done: dict[str, dict[int, dict[Setting, Table]]] = {}
    groups: list[str] = []
    for arm in order.runs():
        if _finished(order, arm):
            groups, marks = marks_file.read(order.out / str(arm) / marks_file.NAME)
            done.setdefault(arm.name, {})[arm.seed] = marks
    resampling = Resampling.of(groups, order.resamples)
    asked = order.asked()
    return {
        "command": _command(order),
        "expert": model_version(order.expert),
        "data": DRAWN if order.data is None else Path(order.data.folder).name,
        "split": ASKED_PART if asked is None else asked.part,
        "steps": order.steps,
        "seeds": order.seeds,
        "batch": order.batch,
        "learning_rate": order.learning_rate,
        "views": len(groups),
        "groups": len(set(groups)),
        "resampled_by": resampling.unit,
        "resamples": order.resamples,
        "arms": {name: _arm(seeds, resampling) for name, seeds in done.items()},
        "differences": dict(_gaps(done, resampling)),
        "paper_location": {name: {"S1": true, "S2": predicted} for name, (true, predicted) in PAPER.items()},
        "unfinished": [str(arm) for arm in order.runs() if not _finished(order, arm)],
    }


def _command(order: Order) -> str:
    """With all that the figures depend on, and no path of this machine."""
    words = ["iad-unify ablate --expert EXPERT"]
    if order.data is None:
        words.append(f"--data procedural --drawings {order.drawings} --pictures {order.views}")
    else:
        words.append(f"--data {Path(order.data.folder).name}")
        words += ["--groups groups.json"] if order.data.groups else []
        words += ["--fold-expert FOLD"] * len(order.data.folds)
    words.append(f"--steps {order.steps} --seeds {order.seeds}")
    words += [f"--arm {name}" for name in order.arms] if order.arms != USUAL else []
    words.append(f"--batch {order.batch} --learning-rate {order.learning_rate:g} --resamples {order.resamples}")
    return " ".join([*words, "--out FOLDER"])


def _arm(seeds: Mapping[int, Mapping[Setting, Table]], resampling: Resampling) -> dict[str, Any]:
    settings = next(iter(seeds.values()))
    found: dict[str, Any] = {}
    for setting in settings:
        several = [marks[setting] for marks in seeds.values()]
        each = [[figures.of_setting(one, resampling)[name] for one in several] for name in figures.HEADLINE]
        found[str(setting)] = figures.of_setting(pooled(several), resampling) | {
            f"{name}_by_seed": values for name, values in zip(figures.HEADLINE, each, strict=True)
        }
    return {"seeds": sorted(seeds), "settings": found}


def _gaps(
    done: Mapping[str, Mapping[int, Mapping[Setting, Table]]], resampling: Resampling
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Differences over the seeds that both arms have."""
    for first, mine, second, theirs in GAPS:
        seeds = sorted(set(done.get(first, {})) & set(done.get(second, {})))
        if not seeds:
            continue
        one = pooled([done[first][seed][mine] for seed in seeds])
        other = pooled([done[second][seed][theirs] for seed in seeds])
        gap = {name: figures.difference(one, other, name, resampling) for name in figures.HEADLINE}
        yield f"{first} - {second}, {mine}", gap | {"seeds": len(seeds)}


def lines(result: Mapping[str, Any]) -> list[str]:
    """The table as text: location / type, percent, mean of the seeds."""
    shown = [str(setting) for setting in (Setting.ORACLE, Setting.PREDICTED, *WORSE)]
    rows = [f"{result['views']} defects, {result['steps']} steps an arm; location / type, percent, mean of the seeds"]
    rows.append(f"{'arm':18s} {'seeds':>5s} " + " ".join(f"{name:>13s}" for name in shown) + f" {'paper S1/S2':>13s}")
    for name, arm in result["arms"].items():
        settings = arm["settings"]
        columns = [_pair(settings[one]) if one in settings else "" for one in shown]
        paper = result["paper_location"].get(name)
        columns.append("" if paper is None else f"{paper['S1']:.1f} / {paper['S2']:.1f}")
        own = next((f"  {one} {_pair(settings[one])}" for one in settings if one.endswith("t")), "")
        rows.append(f"{name:18s} {len(arm['seeds']):5d} " + " ".join(f"{text:>13s}" for text in columns) + own)
    for name, gap in result["differences"].items():
        told = ", ".join(f"{aspect} {_gap(gap[aspect])}" for aspect in figures.HEADLINE if gap[aspect] is not None)
        rows.append(f"{name}: {told} (seeds: {gap['seeds']})")
    if result["unfinished"]:
        rows.append(f"unfinished: {', '.join(result['unfinished'])}; the same command goes on")
    return rows


def _pair(one: Mapping[str, Any]) -> str:
    return " / ".join("-" if one[name] is None else f"{one[name]:.1f}" for name in figures.HEADLINE)


def _gap(gap: Mapping[str, Any]) -> str:
    low, high = gap["ci"] or (np.nan, np.nan)
    return f"{gap['value']:+.1f} [{low:+.1f}, {high:+.1f}]"
