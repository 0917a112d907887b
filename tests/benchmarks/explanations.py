"""Explanations per second: one `generate` at a time against questions that are asked at once and answered together.

    python tests/benchmarks/explanations.py
    python tests/benchmarks/explanations.py --concurrent 1,8,32 --seconds 20 --checkpoint CKPT --expert CKPT

Both answer the daemon's alert question about the same regions of drawings, in one process and on one thread, in turns, so
that other work on the machine meets both alike. Times are processor time and wall time; the ratio is of wall time. One by one
is the model's own `generate`, greedy and cached. Together is as on the server: `Answers` in front of `ExplainerService`, as in
Triton's model and in the embedded process.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from iad_unify import resources
from iad_unify.explainer.prompt import PromptWriter
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.storage import load
from iad_unify.language.speech import VOICES
from iad_unify.procedural.drawing import draw_random
from iad_unify.serving.answers import Answers
from iad_unify.serving.explainer import ExplainerService
from iad_unify.serving.questions import parse
from iad_unify.serving.region_expert import RegionExpertService

Tensors = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=resources.weights("explainer"))
    parser.add_argument("--expert", type=Path, default=resources.weights("region_expert"))
    parser.add_argument("--concurrent", default="1,8,32", help="questions that wait at any time")
    parser.add_argument("--batch", type=int, default=16, help="answered together; batch_size of the served model")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row")
    parser.add_argument("--rounds", type=int, default=4, help="turns that the rows take")
    options = parser.parse_args()
    service = ExplainerService(options.checkpoint, threads=1)
    asked = questions(options.expert, 64)
    levels = [int(level) for level in options.concurrent.split(",")]
    rows = {"one by one": [], **{f"{level} concurrent": [] for level in levels}}
    service.generate(asked[:2], lambda index, text, final: None)  # the first call is slow
    generates = Generating(options.checkpoint)
    generates.answer(asked[0])
    for _ in range(options.rounds):
        share = options.seconds / options.rounds
        rows["one by one"].append(alone(generates, asked, share))
        for level in levels:
            rows[f"{level} concurrent"].append(together(service, asked, level, options.batch, share))
    show(rows)


def questions(expert: Path, count: int) -> list[Tensors]:
    """The alert question about the regions that the expert finds in drawings, those with any."""
    service, found, index = RegionExpertService(expert, threads=1), [], 0
    while len(found) < count:
        drawing = draw_random(np.random.default_rng([77, index]), good_share=0.0)
        index += 1
        side = float(drawing.image.shape[0])
        outputs = service.infer(
            {
                "IMAGE": drawing.image[None],
                "LETTERBOX": np.array([[1, 0, 0, side, side]], np.float32),
                "PROPOSAL": np.zeros((1, 2), np.float32),
            }
        )
        regions = int(outputs["COUNT"][0, 0])
        if regions:
            found.append(
                {
                    "QUESTION": np.array([VOICES["en"].question.encode()], dtype=object),
                    "APPEARANCE": outputs["APPEARANCE"][0, :regions],
                    "GEOMETRY": outputs["GEOMETRY"][0, :regions],
                    "MAX_TOKENS": np.array([48], np.int32),
                }
            )
    return found


class Generating:
    """The explainer by `transformers` alone."""

    def __init__(self, checkpoint: Path) -> None:
        self._model, self._tokenizer = load(checkpoint)
        config = self._model.config
        self._writer, self._rows = (
            PromptWriter(self._tokenizer, Reads.of(config)),
            (config.region_rows, config.region_dim),
        )

    @torch.inference_mode()
    def answer(self, tensors: Tensors) -> str:
        question, decoding = parse(tensors, self._rows)
        batch, end = self._writer.batch([question]), int(self._tokenizer.eos_token_id)
        ids = self._model.generate(
            **batch.arguments(), max_new_tokens=decoding.max_tokens, do_sample=False, eos_token_id=end, pad_token_id=end
        )
        return str(self._tokenizer.decode(ids[0, batch.input_ids.shape[1] :], skip_special_tokens=True))


def alone(model: Generating, asked: Sequence[Tensors], seconds: float) -> tuple[int, float, float]:
    """Answers, wall seconds, processor seconds."""
    began, worked, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds:
        model.answer(asked[done % len(asked)])
        done += 1
    return done, time.perf_counter() - began, time.process_time() - worked


class Waiting:
    """A question of one of the askers, who asks the next as soon as it is answered."""

    def __init__(self, tensors: Tensors, over: "Queue[Waiting]") -> None:
        self.tensors, self._over = tensors, over

    def send(self, text: str, final: bool) -> None:
        if final:
            self._over.put(self)

    def fail(self, error: Exception) -> None:
        raise error

    def cancelled(self) -> bool:
        return False


def together(
    service: ExplainerService, asked: Sequence[Tensors], level: int, batch: int, seconds: float
) -> tuple[int, float, float]:
    """As `alone`, with `level` questions waiting at any time."""
    answers, over = (
        Answers(service.generate, batch_size=batch, most_waiting=level, check=service.check),
        Queue[Waiting](),
    )
    began, worked, done = time.perf_counter(), time.process_time(), 0
    for index in range(level):
        answers.ask(Waiting(asked[index % len(asked)], over))
    while time.perf_counter() - began < seconds:
        over.get()
        done += 1
        answers.ask(Waiting(asked[(level + done) % len(asked)], over))
    for _ in range(level):
        over.get()
    done += level
    result = done, time.perf_counter() - began, time.process_time() - worked
    answers.close()
    return result


def show(rows: dict[str, list[tuple[int, float, float]]]) -> None:
    table = Table("", "answers", "answers/s", "processor ms each", "times one by one", title="explanations, one thread")
    totals = {name: np.array(parts).sum(axis=0) for name, parts in rows.items()}
    first = totals["one by one"][0] / totals["one by one"][1]
    for name, (done, wall, worked) in totals.items():
        rate = done / wall
        table.add_row(name, f"{done:.0f}", f"{rate:.1f}", f"{1000 * worked / done:.1f}", f"{rate / first:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
