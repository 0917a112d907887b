"""What an explainer calls a region when it is told what regions like it were confirmed as: type accuracy by their number.

    python tests/benchmarks/explainer_with_memory.py
    python tests/benchmarks/explainer_with_memory.py --explainer DIR --drawings 300 --counts 0,1,5,20

Drawings that no training meets. The memory is filled from the validation stream, with the expert's strongest region of N
drawings of each type, and asked about those of the test stream. A region's neighbours, and how many of them the explainer
is told, are as in the daemon with its settings as they come; each is asked with a memory of its own, drawn anew. `told` is
the answer to a held-out question about the type, parsed; `vote` is what the daemon holds for the type; `wrong` is how often
an explainer repeats a single wrong type that it is told instead. Intervals are a bootstrap over drawings. An explainer that
was trained without --neighbours reads nothing of it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from iad_unify import resources
from iad_unify.checkpoint import read_card
from iad_unify.explainer.generation import answers_to_all
from iad_unify.explainer.looking import sightings
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Question
from iad_unify.explainer.sightings import Sighting
from iad_unify.explainer.storage import load
from iad_unify.language.facts import Facts, fact_of_rle, probabilities_of
from iad_unify.language.questions import QuestionKind, example
from iad_unify.language.scoring import scores
from iad_unify.region_expert.evaluation.resampling import Resampling
from iad_unify.types import DEFECT_TYPES, UNKNOWN
from inspectd.confirmed.embedding import embed
from inspectd.confirmed.store import Found
from inspectd.confirmed.vote import Vote, vote
from inspectd.settings import ConfirmedSettings

ANSWERS = (*DEFECT_TYPES, UNKNOWN)
MAX_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Region:
    """The expert's strongest region of a drawing, where it lies on a drawn defect."""

    name: str  # of its drawing
    drawn: str  # what was drawn there
    probabilities: dict[str, float]  # the expert's
    embedding: NDArray[np.float32]
    sighting: Sighting

    @property
    def named(self) -> str:
        """What the expert takes it for."""
        return max(self.probabilities, key=lambda slug: (self.probabilities[slug], slug))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--explainer", type=Path, default=resources.weights("explainer"))
    parser.add_argument("--expert", type=Path, default=resources.weights("region_expert"))
    parser.add_argument("--drawings", type=int, default=300, help="asked about")
    parser.add_argument("--memory", type=int, default=600, help="drawings that the memory is filled from")
    parser.add_argument("--counts", default="0,1,2,5,10,20", help="confirmed regions of each type")
    parser.add_argument("--keep", type=Path, default=Path("build/memory"), help="folder for what the expert saw")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pool, asked = (
        regions(options, part, count) for part, count in (("validation", options.memory), ("test", options.drawings))
    )
    model, tokenizer = load(options.explainer)
    resampling = Resampling.of([one.name for one in asked], options.resamples)
    print(f"{len(asked)} regions of {options.drawings} drawings, {len(pool)} to remember\n")
    print(
        "| confirmed of each type | expert | vote | explainer, told | told a wrong one, repeats it |\n|---|---|---|---|---|"
    )
    for count in (int(count) for count in options.counts.split(",")):
        rng = np.random.default_rng((options.seed, count))
        votes = [judged(one, remembered(pool, count, rng)) for one in asked]
        told = answers(model, tokenizer, asked, [one.confirmed for one in votes], options.seed)
        right = [
            np.array([one.named == one.drawn for one in asked], float),
            np.array([one.defect_type == region.drawn for one, region in zip(votes, asked, strict=True)], float),
            told,
        ]
        cells = [share(resampling, values) for values in right]
        if count:
            cells.append("-")
        else:
            lies = [str(rng.choice([slug for slug in DEFECT_TYPES if slug != one.drawn])) for one in asked]
            cells.append(share(resampling, answers(model, tokenizer, asked, lies, options.seed, follows=True)))
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


def regions(options: argparse.Namespace, part: str, count: int) -> list[Region]:
    """Of the drawings of a stream, those whose strongest region lies on a defect."""
    options.keep.mkdir(parents=True, exist_ok=True)
    temperature = read_card(options.expert).type_temperature
    found = []
    for index, one in enumerate(sightings(options.expert, part, options.seed, count, options.keep)):
        if one.predicted.drawn_types[:1] in ((), (UNKNOWN,)):
            continue
        found.append(
            Region(
                f"{part} {index}",
                one.predicted.drawn_types[0],
                probabilities_of(one.predicted.type_logits[0], ANSWERS, temperature),
                embed(one.predicted.appearance[:1])[0],
                one,
            )
        )
    return found


def remembered(pool: Sequence[Region], count: int, rng: np.random.Generator) -> list[Region]:
    """So many regions of each type, by chance."""
    chosen: list[Region] = []
    for slug in DEFECT_TYPES:
        own = [one for one in pool if one.drawn == slug]
        chosen += [own[int(index)] for index in rng.permutation(len(own))[:count]]
    return chosen


def judged(region: Region, memory: Sequence[Region]) -> Vote:
    """What the daemon would hold for its type."""
    settings = ConfirmedSettings()
    near = [Found(one.name, 1, one.drawn, float(one.embedding @ region.embedding), one.named) for one in memory]
    near = [one for one in near if one.similarity >= settings.least_similarity]
    near.sort(key=lambda one: -one.similarity)
    return vote(region.probabilities, near[: settings.neighbours])


def answers(
    model: RegionQwen,
    tokenizer: PreTrainedTokenizerBase,
    asked: Sequence[Region],
    told: Sequence[str],
    seed: int,
    follows: bool = False,
) -> NDArray[np.float64]:
    """1 where the answer names what was drawn, or with `follows` what was told, else 0; [regions]."""
    posed = []
    for index, (region, types) in enumerate(zip(asked, told, strict=True)):
        seen = region.sighting.predicted
        held = Facts((fact_of_rle(seen.rles[0], {types if follows else region.drawn: 1.0}),))
        one = example(held, np.random.default_rng((seed, 19, index)), QuestionKind.TYPE, held_out=True)
        posed.append((one, Question(one.question, seen.appearance[:1], seen.geometry[:1], None, (types,))))
    texts = answers_to_all(model, tokenizer, [question for _, question in posed], MAX_TOKENS)
    return np.array([scores(one, text)["type"] for (one, _), text in zip(posed, texts, strict=True)], float)


def share(resampling: Resampling, right: NDArray[np.float64]) -> str:
    value, interval = resampling.ratio(right, np.ones(len(right)))
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


if __name__ == "__main__":
    main()
