"""What the explainer understands: generated text, read by the one parser, held against regions and drawings.

Modes: `oracle` (drawn defects as regions, drawn types as truth), `predicted` (the expert's proposals; truth is the
proposal's own mask and the expert's likely types, as in the daemon), `drawn` (the same answers about the strongest
proposal, held against the defect that was drawn there), `none` (no region: a floor). Paraphrases are those never
trained on; descriptions and alert sentences are asked in every language. Intervals are percentiles of a bootstrap over drawings.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from iad_unify.checkpoint import Card, CheckpointError, Figure, model_version, read_card, write_card
from iad_unify.explainer.config import MAX_PROMPT_REGIONS, takes_references
from iad_unify.explainer.generation import answers_to_all
from iad_unify.explainer.looking import sightings
from iad_unify.explainer.prompt import Question
from iad_unify.explainer.sightings import Regions, Sighting
from iad_unify.explainer.storage import load
from iad_unify.language import facts as measured
from iad_unify.language.claims import parse
from iad_unify.language.facts import CLEAR_CELL, Facts, TypeRule, fact_of_rle, facts_of
from iad_unify.language.questions import Example, QuestionKind, example, examples
from iad_unify.language.scoring import scores
from iad_unify.language.speech import VOICES
from iad_unify.language.verify import verify
from iad_unify.masks import decode
from iad_unify.types import DEFECT_TYPES, UNKNOWN

MAX_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure."""

    checkpoint: Path
    expert: Path
    out: Path
    split: str = "test"
    pictures: int = 400
    resamples: int = 1000
    seed: int = 0
    record: bool = False
    references: bool = False  # each drawing beside its golden template, for a model trained so


@dataclass(slots=True)
class Asked:
    """One question, what its answer is held against, and the answer."""

    frame: int
    mode: str
    question: Question
    example: Example | None  # None: the alert sentence
    truth: Facts
    drawn: Example | None = None  # the same question about the drawn defect
    language: str = "en"  # of the alert sentence
    answer: str = ""


@dataclass(slots=True)
class Tally:
    """Outcomes of one figure with the frame of each, for a bootstrap by frame."""

    outcomes: list[bool] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    def add(self, frame: int, right: bool) -> None:
        """Count one outcome."""
        self.outcomes.append(right)
        self.frames.append(frame)


def evaluate(order: Order, report: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """Ask, score, write the report (and with `record` the card). Raises CheckpointError."""
    model, tokenizer = load(order.checkpoint)
    if order.references and not takes_references(model.config):
        raise CheckpointError(order.checkpoint, "leave out --references", "it was trained without references")
    state = order.out.parent / "sightings"
    seen = sightings(
        order.expert,
        order.split,
        order.seed,
        order.pictures,
        state,
        lambda stage, done, of: report(0.2 * done / of),
        compared=order.references,
    )
    card = read_card(order.expert)
    asked = [one for frame, sighting in enumerate(seen) for one in _questions(frame, sighting, order.seed, card)]
    texts = answers_to_all(
        model, tokenizer, [one.question for one in asked], MAX_TOKENS, lambda share: report(0.2 + 0.8 * share)
    )
    for one, text in zip(asked, texts, strict=True):
        one.answer = text
    result = _report(order, asked, seen)
    order.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if order.record:
        _record(order, result)
    return result


def _questions(frame: int, sighting: Sighting, seed: int, card: Card) -> Iterator[Asked]:
    """What is asked about a frame; `card` is the expert's, whose calibration says which types are likely."""
    rng = np.random.default_rng((seed, 11, frame))
    oracle, predicted = _limited(sighting.oracle), _limited(sighting.predicted)
    truth = Facts(
        tuple(fact_of_rle(rle, {slug: 1.0}) for rle, slug in zip(oracle.rles, oracle.drawn_types, strict=True))
    )
    if truth.regions:
        for one in examples(truth, rng, held_out=True):
            yield Asked(frame, "oracle", _asking(one.question, oracle), one, truth)
            if one.kind in (QuestionKind.TYPE, QuestionKind.LOCATION, QuestionKind.SIZE, QuestionKind.COUNT):
                yield Asked(frame, "none", _asking(one.question, _limited(oracle, 0)), one, truth)
        yield from _alerts(frame, "oracle", oracle, truth)
    answers, rule = (*DEFECT_TYPES, UNKNOWN), TypeRule(card.type_level)
    facts = facts_of(predicted.rles, predicted.type_logits, answers, card.type_temperature, rule)
    if facts.regions:
        for one in examples(facts, rng, held_out=True):
            yield Asked(frame, "predicted", _asking(one.question, predicted), one, facts)
        yield from _about_the_strongest(frame, oracle, predicted, truth, rng)
        yield from _alerts(frame, "predicted", predicted, facts)


def _alerts(frame: int, mode: str, regions: Regions, truth: Facts) -> Iterator[Asked]:
    """What the daemon asks of every event, in each language."""
    for language, voice in VOICES.items():
        yield Asked(frame, mode, _asking(voice.question, regions), None, truth, language=language)


def _about_the_strongest(
    frame: int, oracle: Regions, predicted: Regions, truth: Facts, rng: np.random.Generator
) -> Iterator[Asked]:
    """Type, location and size of the first proposal, held against the defect drawn there, if one was."""
    if predicted.drawn_types[0] == UNKNOWN:
        return
    mask = decode(predicted.rles[0])
    overlaps = [int((mask & decode(rle)).sum()) for rle in oracle.rles]
    drawn = Facts((truth.regions[int(np.argmax(overlaps))],))
    for kind in (QuestionKind.TYPE, QuestionKind.LOCATION, QuestionKind.SIZE):
        one = example(drawn, rng, kind, held_out=True)
        while "region 1" not in one.question:  # several proposals may be in the prompt: "the defect" is not clear
            one = example(drawn, rng, kind, held_out=True)
        yield Asked(frame, "drawn", _asking(one.question, predicted), one, drawn)


def _limited(regions: Regions, most: int = MAX_PROMPT_REGIONS) -> Regions:
    kept = slice(most)
    return Regions(
        regions.appearance[kept],
        regions.geometry[kept],
        regions.type_logits[kept],
        regions.rles[kept],
        regions.drawn_types[kept],
        None if regions.reference is None else regions.reference[kept],
    )


def _asking(text: str, regions: Regions) -> Question:
    return Question(text, regions.appearance, regions.geometry, regions.reference)


def _report(order: Order, asked: Sequence[Asked], seen: Sequence[Sighting]) -> dict[str, Any]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    for frame, sighting in enumerate(seen):
        if sighting.oracle.rles:  # the expert's share: without it `drawn` says nothing of frames that it missed
            tallies["drawn_found"].add(frame, sighting.predicted.drawn_types[:1] not in ((), (UNKNOWN,)))
    for one in asked:
        if one.example is None:
            claims = parse(one.answer, language=one.language)
            told = bool(claims.asserted) and any(mention.defect_types for mention in claims.asserted)
            tallies[f"{one.mode}_alert_{_suffix(one.language)}not_contradicted"].add(
                one.frame, told and not verify(claims, one.truth)
            )
            continue
        for aspect, right in scores(one.example, one.answer).items():
            kind = "" if one.example.kind.value == aspect else f"{one.example.kind.value}_"
            kind += _suffix(one.example.language)
            name = f"{one.mode}_{kind}{aspect}"
            tallies[name].add(one.frame, right)
            if aspect == "location" and one.example.gold.cell_share >= CLEAR_CELL:
                tallies[f"{name}_clear"].add(one.frame, right)
    rng = np.random.default_rng(order.seed)
    return {
        "checkpoint": model_version(order.checkpoint),
        "expert": model_version(order.expert),
        "command": _command(order),
        "drawings": order.pictures,
        "size_limits": [measured.SMALL_BELOW, measured.LARGE_FROM],
        "figures": {name: _figure(tally, order.resamples, rng) for name, tally in sorted(tallies.items())},
        "samples": [
            {"mode": one.mode, "question": one.question.text, "answer": one.answer, "truth": _said(one)}
            for one in sorted(asked, key=lambda one: (one.frame, one.mode))[:200]
        ],
    }


def _suffix(language: str) -> str:
    """Figures of English have no language in their name."""
    return "" if language == "en" else f"{language}_"


def _said(one: Asked) -> str:
    return (
        one.example.answer
        if one.example
        else "; ".join(
            f"{region.size} {' or '.join(region.likely)} in {' or '.join(region.cells)}" for region in one.truth.regions
        )
    )


def _figure(tally: Tally, resamples: int, rng: np.random.Generator) -> dict[str, Any]:
    """Share of right outcomes with its 95 % interval; whole frames are drawn again."""
    frames, index = np.unique(tally.frames, return_inverse=True)
    right = np.bincount(index, weights=tally.outcomes)
    total = np.bincount(index)
    drawn = rng.integers(len(frames), size=(resamples, len(frames)))
    shares = right[drawn].sum(1) / total[drawn].sum(1)
    low, high = np.percentile(shares, [2.5, 97.5])
    return {"value": float(right.sum() / total.sum()), "ci": [float(low), float(high)], "count": int(total.sum())}


def _command(order: Order) -> str:
    return (
        f"iad-unify evaluate understanding --checkpoint CKPT --expert EXPERT --data procedural:{order.split}"
        f" --pictures {order.pictures} --seed {order.seed}{' --references' if order.references else ''} --out REPORT"
    )


def _record(order: Order, result: dict[str, Any]) -> None:
    figures = {
        name: Figure(one["value"], (one["ci"][0], one["ci"][1]), result["command"])
        for name, one in result["figures"].items()
    }
    write_card(order.checkpoint, replace(read_card(order.checkpoint), figures=figures))


def lines(report: dict[str, Any]) -> list[str]:
    """The figures as a table of text."""
    rows = [f"explainer {report['checkpoint']}, region expert {report['expert']}, {report['drawings']} drawings"]
    for name, one in report["figures"].items():
        low, high = one["ci"]
        rows.append(f"{name:40s} {100 * one['value']:6.1f} %  [{100 * low:.1f}, {100 * high:.1f}]  of {one['count']}")
    return rows
