"""Type accuracy of regions against the number of confirmed examples of each type: expert, neighbours, both.

    python tests/benchmarks/confirmed_memory.py --data DIR --plot tiles.png
    python tests/benchmarks/confirmed_memory.py --data DIR --square 640 --every 5 --plot boards.png

Every picture is an event; regions of N pictures of each type are confirmed, and vote as the daemon lets them vote. Groups
are held out: of a fold's regions only those of other folds' groups are confirmed. A type with fewer pictures than N gives all
that it has. The table is for the true masks, or with `--regions found` for those that the expert finds itself. Accuracy is the
mean over seeds, its interval a bootstrap over groups; `balanced` is the mean of the types' accuracies. A type that the expert
was not trained on is never right by the expert alone.

`--features FILE` keeps what the expert says of each region, so that the votes can be tried again without it.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iad_unify import resources
from iad_unify.checkpoint import read_card
from iad_unify.region_expert.evaluation.resampling import Resampling
from inspectd.confirmed.embedding import embed
from inspectd.confirmed.store import Found
from inspectd.confirmed.vote import shares, together
from inspectd.settings import ConfirmedSettings

ARMS = ("expert", "neighbours", "both")


@dataclass(frozen=True, slots=True)
class Regions:
    """What the expert says of N true defects."""

    groups: NDArray[np.str_]
    pictures: NDArray[np.str_]
    types: NDArray[np.str_]  # the right ones
    probabilities: NDArray[np.float64]  # [N, T + 1]
    embeddings: NDArray[np.float32]  # [N, E]
    answers: tuple[str, ...]  # of the columns

    def __len__(self) -> int:
        return len(self.types)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with manifest.jsonl")
    parser.add_argument("--checkpoint", type=Path, default=resources.weights("region_expert"))
    parser.add_argument("--square", type=int, default=0, help="pixels; 0 is the expert's input")
    parser.add_argument("--regions", choices=("true", "found"), default="true")
    parser.add_argument("--counts", default="0,1,2,5,10,20", help="confirmed examples of each type")
    parser.add_argument("--every", type=int, default=1, help="look at every so many-th picture only")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--features", type=Path, help="read when it is there, else written")
    parser.add_argument("--plot", type=Path, help="the curve, PNG")
    options = parser.parse_args()
    regions = load(options)
    counts = [int(count) for count in options.counts.split(",")]
    right = {count: trials(regions, count, options.folds, options.seeds) for count in counts}
    resampling = Resampling.of(regions.groups.tolist(), options.resamples)
    names = ", ".join(f"{kind} {np.count_nonzero(regions.types == kind)}" for kind in np.unique(regions.types))
    print(f"{len(regions)} regions ({options.regions}) in {resampling.units} {resampling.unit}s: {names}\n")
    print("| confirmed of each type | expert alone | neighbours alone | both | both, balanced |\n|---|---|---|---|---|")
    rows = {count: {arm: accuracy(right[count][arm], resampling) for arm in ARMS} for count in counts}
    for count in counts:
        cells = " | ".join(cell(*rows[count][arm]) if count or arm != "neighbours" else "-" for arm in ARMS)
        print(f"| {count} | {cells} | {balanced(right[count]['both'], regions.types):.3f} |")
    if options.plot:
        draw(options.plot, rows, f"{options.data.name}, {options.regions} regions, {len(regions)} of them")


def load(options: argparse.Namespace) -> Regions:
    kept = options.features
    if kept is None or not kept.is_file():
        columns = look(options)
        if kept is not None:
            np.savez_compressed(kept, **columns)
    else:
        with np.load(kept) as file:
            columns = dict(file)
    chosen = columns["found"] == (options.regions == "found")
    logits = columns["logits"][chosen].astype(np.float64) / read_card(options.checkpoint).type_temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Regions(
        columns["group"][chosen],
        columns["picture"][chosen],
        columns["defect_type"][chosen],
        weights / weights.sum(axis=1, keepdims=True),
        embed(columns["appearance"][chosen]),
        tuple(columns["answers"].tolist()),
    )


def look(options: argparse.Namespace) -> dict[str, NDArray[np.generic]]:
    """The expert's own part; torch is imported for it only."""
    from rich.progress import track

    from iad_unify.region_expert import model
    from iad_unify.region_expert.evaluation import levels, subjects
    from iad_unify.region_expert.evaluation.typed import Typed, typed_regions

    expert = model.load(options.checkpoint)
    at = levels.of_card(read_card(options.checkpoint), options.checkpoint)
    those = subjects.of_folder(str(options.data), None, "test", None).measured[:: options.every]
    typed: list[Typed] = []
    for one in track(those, description="looking"):
        typed += typed_regions(expert, one, at.decision, at.pixel, options.square)
    return {
        "group": np.array([region.group for region in typed]),
        "picture": np.array([region.picture for region in typed]),
        "defect_type": np.array([region.defect_type for region in typed]),
        "logits": np.stack([region.logits for region in typed]),
        "appearance": np.stack([region.appearance for region in typed]),
        "found": np.array([region.found for region in typed]),
        "answers": np.array(expert.config.answers),
    }


def trials(regions: Regions, count: int, folds: int, seeds: int) -> dict[str, NDArray[np.float64]]:
    """For each arm how often each region [N] is named rightly, over the seeds."""
    right = {arm: np.zeros(len(regions)) for arm in ARMS}
    for seed in range(seeds):
        rng = np.random.default_rng([seed, count])
        names = np.unique(regions.groups)
        fold_of = dict(zip(names.tolist(), rng.permutation(len(names)) % min(folds, len(names)), strict=True))
        fold = np.array([fold_of[group] for group in regions.groups.tolist()])
        for held in range(min(folds, len(names))):
            memory = confirmed(regions, np.flatnonzero(fold != held), count, rng)
            queries = np.flatnonzero(fold == held)
            similar = regions.embeddings[queries] @ regions.embeddings[memory].T
            for query, row in zip(queries, similar, strict=True):
                for arm, named in judged(regions, query, memory, row).items():
                    right[arm][query] += (named == regions.types[query]) / seeds
    return right


def confirmed(regions: Regions, pool: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of the pool: for each type one region of each of `count` pictures."""
    chosen: list[int] = []
    for kind in np.unique(regions.types):
        own = rng.permutation(pool[regions.types[pool] == kind])
        first = np.sort(np.unique(regions.pictures[own], return_index=True)[1])
        chosen += own[first[:count]].tolist()
    return np.array(chosen, dtype=np.int64)


def judged(
    regions: Regions, query: int, memory: NDArray[np.int64], similarities: NDArray[np.float32]
) -> dict[str, str]:
    """The type that each arm names."""
    settings = ConfirmedSettings()
    expert = dict(zip(regions.answers, regions.probabilities[query].tolist(), strict=True))
    near: dict[str, Found] = {}
    for index in np.argsort(-similarities, kind="stable"):
        if len(near) == settings.neighbours:
            break
        row, similarity = memory[index], float(similarities[index])
        itself = regions.answers[int(regions.probabilities[row].argmax())]
        found = Found(regions.pictures[row], 1, regions.types[row], similarity, itself)
        near.setdefault(regions.pictures[row], found)
    alone = shares(list(near.values()))
    mixed = together(expert, [one for one in near.values() if one.similarity >= settings.least_similarity])
    return {"expert": best(expert), "neighbours": best(alone), "both": best(mixed)}


def best(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=lambda slug: (probabilities[slug], slug), default="")


def accuracy(right: NDArray[np.float64], resampling: Resampling) -> tuple[float, tuple[float, float] | None]:
    return resampling.ratio(right, np.ones(len(right)))


def balanced(right: NDArray[np.float64], types: NDArray[np.str_]) -> float:
    return float(np.mean([right[types == kind].mean() for kind in np.unique(types)]))


def cell(value: float, interval: tuple[float, float] | None) -> str:
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def draw(path: Path, rows: dict[int, dict[str, tuple[float, tuple[float, float] | None]]], title: str) -> None:
    """The three curves with their intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = list(range(len(rows)))
    for arm in ARMS:
        shown = [place for place, count in zip(places, rows, strict=True) if count or arm != "neighbours"]
        values = [list(rows.values())[place][arm] for place in shown]
        axes.plot(shown, [value for value, _ in values], marker="o", label=arm)
        bounds = [(value, value) if ci is None else ci for value, ci in values]
        axes.fill_between(shown, [low for low, _ in bounds], [high for _, high in bounds], alpha=0.15)
    axes.set_xticks(places, [str(count) for count in rows])
    axes.set_xlabel("confirmed examples of each type")
    axes.set_ylabel("type accuracy")
    axes.set_ylim(0, 1)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
