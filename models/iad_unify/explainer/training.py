"""Trains an explainer on question-answer examples: steps, a learning-rate schedule, a state that a later run resumes.

Minutes are processor minutes, so that a busy machine trains as long as an idle one. It does not know where the
examples come from.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from iad_unify.checkpoint import CheckpointError
from iad_unify.explainer import adapters
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import IGNORED, Batch, PromptWriter, Question
from iad_unify.optimiser import Optimiser

#: Where the unfinished run lies inside the checkpoint folder.
STATE = "state"
SAVE_EVERY_S = 120.0
#: Batches that are drawn together and sorted by length, so that a batch holds prompts of about one length.
SORTED_BATCHES = 8


@dataclass(frozen=True, slots=True)
class Example:
    """A question about regions and the answer to learn."""

    question: Question
    answer: str


#: Draws so many examples with a generator, for a point of the run from 0 to 1.
Supply = Callable[[np.random.Generator, int, float], Sequence[Example]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast. The run ends at whichever of `minutes` and `steps` comes first; 0 means no such limit."""

    minutes: float = 14.0
    steps: int = 0
    batch: int = 16
    #: At twice that, runs of 2,000 steps learned either where a region lies or what it is; at this, six of eight of 1,000
    #: steps learned both.
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    seed: int = 0
    half: bool = True  # bf16 autocast: 1.8 times faster on processors that have it
    stages: int = 1  # the rate goes down that many times, in equal parts of the run

    def progress(self, steps: int, minutes: float) -> float:
        """0 at the start, 1 at the end."""
        parts = [steps / self.steps if self.steps else 0.0, minutes / self.minutes if self.minutes else 0.0]
        return min(1.0, max(parts))

    def rate(self, steps: int, progress: float) -> float:
        """Warm-up, then a cosine down to a hundredth."""
        within = progress * self.stages - min(int(progress * self.stages), self.stages - 1)
        cosine = 0.5 * (1 + float(np.cos(np.pi * within)))
        return self.learning_rate * min(1.0, (steps + 1) / self.warmup_steps) * max(cosine, 0.01)


@dataclass(slots=True)
class Progress:
    """What was done so far; it survives a restart."""

    steps: int = 0
    cpu_minutes: float = 0.0
    wall_minutes: float = 0.0
    loss: float = float("nan")  # moving mean, nats per answer token


class Trainer:
    """One run. With `whole=False` only the region projection learns, as on a pretrained language model, and its adapter
    where it has one. The vision tower learns with the whole, where the writer shows it crops.
    """

    def __init__(
        self, model: RegionQwen, writer: PromptWriter, supply: Supply, schedule: Schedule, whole: bool = True
    ) -> None:
        self.model, self.writer, self.supply, self.schedule = model.train(), writer, supply, schedule
        self.learned = _learned(model, whole, sees=writer.crops is not None)
        hidden = [name for name, weight in self.learned.items() if whole and _is_hidden(name, weight)]
        self.optimizer = Optimiser(self.learned, hidden, decay=0.02, betas=(0.9, 0.98))
        self.done = Progress()

    def run(self, report: Callable[[Progress, float], None], checkpoint: Callable[[], None]) -> None:
        """Steps until the schedule ends; `report(progress, share)` each step, `checkpoint()` every two minutes."""
        batches = self._batches(np.random.default_rng((self.schedule.seed, 7, self.done.steps)))
        saved = time.monotonic()
        while (share := self.schedule.progress(self.done.steps, self.done.cpu_minutes)) < 1:
            cpu, wall = time.process_time(), time.monotonic()
            loss = self._step(next(batches), self.schedule.rate(self.done.steps, share))
            self._note(loss, time.process_time() - cpu, time.monotonic() - wall)
            report(self.done, share)
            if time.monotonic() - saved > SAVE_EVERY_S:
                checkpoint()
                saved = time.monotonic()

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        size = self.schedule.batch
        while True:
            done = self.schedule.progress(self.done.steps, self.done.cpu_minutes)
            examples = self.supply(rng, size * SORTED_BATCHES, done)
            rows = [(self.writer.prompt(one.question), self.writer.answer_ids(one.answer)) for one in examples]
            order = sorted(range(len(rows)), key=lambda index: len(rows[index][0]) + len(rows[index][1]))
            for start in rng.permutation(np.arange(0, len(order), size)):
                chosen = order[start : start + size]
                yield self.writer.training_batch(
                    [examples[index].question for index in chosen], [rows[index] for index in chosen]
                )

    def _step(self, batch: Batch, rate: float) -> float:
        device = self.model.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.schedule.half):
            loss = answer_loss(self.model, batch.to(device))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.learned.values(), 1.0)
        self.optimizer.step(rate)
        return float(loss.detach())

    def _note(self, loss: float, cpu_s: float, wall_s: float) -> None:
        done = self.done
        done.steps += 1
        done.cpu_minutes += cpu_s / 60
        done.wall_minutes += wall_s / 60
        done.loss = loss if np.isnan(done.loss) else 0.98 * done.loss + 0.02 * loss

    def save_state(self, folder: Path) -> None:
        """Write what a later run needs to go on."""
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / "training.pt.part"
        now = {name: weight.detach() for name, weight in self.learned.items()}
        torch.save({"learned": now, "optimizer": self.optimizer.state_dict()}, draft)
        draft.replace(folder / "training.pt")
        (folder / "progress.json").write_text(json.dumps(asdict(self.done)), encoding="utf-8")

    def load_state(self, folder: Path) -> None:
        """Go on from `save_state`; raises CheckpointError when there is none or it is another model's."""
        try:
            state = torch.load(folder / "training.pt", weights_only=True)
            self.done = Progress(**json.loads((folder / "progress.json").read_text(encoding="utf-8")))
            with torch.no_grad():
                for name, weight in self.learned.items():
                    weight.copy_(state["learned"][name])
            self.optimizer.load_state_dict(state["optimizer"])
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
            raise CheckpointError(folder, "start without --resume", f"no run to resume ({error})") from error


def answer_loss(model: RegionQwen, batch: Batch) -> Tensor:
    """Mean cross-entropy over answer tokens; logits are computed at those positions only."""
    if batch.labels is None:
        raise ValueError("a batch for training needs labels")
    hidden = model.model(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        inputs_embeds=model.embed(batch.input_ids, batch.appearance, batch.geometry, batch.reference, batch.referenced),
        use_cache=False,
        **({} if batch.images is None else batch.images.arguments()),
    ).last_hidden_state  # [B, T, H]
    following = batch.labels[:, 1:]
    asked = following != IGNORED
    logits = model.lm_head(hidden[:, :-1][asked])  # [answer tokens, vocabulary]
    return cross_entropy(logits.float(), following[asked])


def _learned(model: RegionQwen, whole: bool, sees: bool) -> dict[str, nn.Parameter]:
    if not whole:
        model.requires_grad_(False)
        model.region_projection.float().requires_grad_(True)  # small steps vanish in bf16
        for weight in adapters.weights(model):
            weight.requires_grad_(True)
    # a vision tower that sees no image gets no gradients: it keeps its values
    return {
        name: weight
        for name, weight in model.named_parameters()
        if weight.requires_grad and (sees or not name.startswith("model.visual."))
    }


def _is_hidden(name: str, weight: nn.Parameter) -> bool:
    """Whether it is a matrix between layers: neither words in nor words out, nor pixels in, nor an adapter's."""
    ends = ("embed", "lm_head", "lora_")
    return weight.ndim == 2 and not any(end in name for end in ends)
