"""A training run from the command's options to a checkpoint folder with a card and a sheet of samples.

Puts together pairs, trainer and files; knows no terminal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from iad_unify.checkpoint import Card, CheckpointError, read_card, write_card
from iad_unify.defect_editor.backbone import ExplainerBackbone
from iad_unify.defect_editor.condition import stack_states
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.editor import Crops
from iad_unify.defect_editor.flow import FlowEditor
from iad_unify.defect_editor.pairs import PairSet, prepare
from iad_unify.defect_editor.references import ExpertReferences
from iad_unify.defect_editor.sampling import GUIDANCE, STEPS, mask_tensor, picture_tensor, pixels
from iad_unify.defect_editor.sheet import Cell, masked, write_sheet
from iad_unify.defect_editor.training import STATE, Schedule, Trainer, averaged_model
from iad_unify.defect_editor.weights import TRAINED_HEAD, AnyEditor, build, read_tensors, save
from iad_unify.types import DEFECT_TYPES

SHEET = "samples.png"
NOTE = (
    "Paints a synthetic defect inside a mask of a clean frame; pixels outside the mask are returned bit for bit. Steered"
    " by an instruction and optional reference regions through the hidden states of explainer {explainer}; it serves"
    " with no other. References were region tokens of region expert {expert}. Intended for the augmentation of training"
    " data, each edit checked by the region expert. Trained on 48-pixel crops of procedural drawings: on real frames the"
    " edits look procedural, and larger masks are drawn small and enlarged."
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a run reads: the frozen models, and optionally an editor to start from."""

    explainer: Path
    expert: Path | None
    start_from: Path | None = None


#: Opens the sentence of a card's note that tells which weights a run started from.
STARTED = " Started from the weights of "


def lineage(start_from: Path | None) -> str:
    """The sentence for a run's note: an editor that others began has more steps behind it than its own."""
    if start_from is None:
        return ""
    card = read_card(start_from)
    before = card.note.partition(STARTED)[2].rstrip(".")
    return f"{STARTED}editor {card.model_version} ({card.steps} steps){', before that ' + before if before else ''}."


@dataclass(slots=True)
class Session:
    """A prepared run."""

    config: EditorConfig
    pairs: PairSet
    trainer: Trainer
    out: Path
    started: str = ""  # lineage, for the note

    def checkpoint(self) -> None:
        """The run's state for a later `--resume`."""
        self.trainer.save_state(self.out / STATE)

    def finish(self) -> Card:
        """Writes weights, card and sheet from the averaged parameters, and the state beside them."""
        self.checkpoint()
        tensors = self.trainer.tensors
        save(self.out, self.config, tensors)
        done, schedule = self.trainer.done, self.trainer.schedule
        card = Card(
            role="defect_editor",
            config=self.config.name,
            parameters=sum(tensor.numel() for tensor in tensors.values()),
            data=("procedural",),
            steps=done.steps,
            seed=schedule.seed,
            minutes=round(done.wall_minutes, 1),
            trained_heads=(TRAINED_HEAD, "network") if self.config.kind == "flow_pixels" else (TRAINED_HEAD,),
            type_slugs=DEFECT_TYPES,
            note=NOTE.format(explainer=self.config.explainer_version, expert=self.config.expert_version or "(none)")
            + self.started,
        )
        written = write_card(self.out, card)
        draw_sheet(averaged_model(self.trainer), self.pairs, self.out / SHEET, self.trainer.device)
        return written


def open_session(
    config: EditorConfig,
    schedule: Schedule,
    sources: Sources,
    out: Path,
    *,
    drawings: int,
    threads: int = 1,
    device: str = "cpu",
    resume: bool = False,
    report: Callable[[int], None] = lambda done: None,
) -> Session:
    """Loads the frozen models, makes the pairs, builds or resumes the trainer. Raises CheckpointError."""
    torch.manual_seed(schedule.seed)
    backbone = ExplainerBackbone(sources.explainer, threads, device)
    references = ExpertReferences(sources.expert, threads, device) if sources.expert else None
    version = references.model_version if references else ""
    config = config.trained_with(backbone.hidden_size, backbone.model_version, version)
    if resume:
        _same_run(out, config)
    find = references.find if references else None
    pairs = prepare(drawings, schedule.seed, config.crop, backbone, find, report=report)
    torch.manual_seed(schedule.seed)
    model = build(config)
    if sources.start_from:
        read_tensors(model, sources.start_from)
    if isinstance(model, FlowEditor):
        model.summary.standardise([*pairs.plain.values(), *pairs.referenced.values()])
    trainer = Trainer(model, pairs, schedule, device)
    if resume:
        trainer.load_state(out / STATE)
    else:
        out.mkdir(parents=True, exist_ok=True)
        (out / STATE).mkdir(exist_ok=True)
        (out / STATE / "config.json").write_text(config.to_json())
    return Session(config, pairs, trainer, out, lineage(sources.start_from))


def _same_run(out: Path, config: EditorConfig) -> None:
    """A resumed run must condition on the same frozen models, or its states would change under it."""
    if (before := EditorConfig.read(out / STATE)) != config:
        raise CheckpointError(out, "start without --resume", f"the run used another configuration or model ({before})")


def draw_sheet(model: AnyEditor, pairs: PairSet, path: Path, device: str = "cpu", lines: int = 20) -> None:
    """Two rows per type: clean, mask, the edit without and with guidance, the real defect."""
    rows = []
    rng = np.random.default_rng(0)
    for kind in range(len(DEFECT_TYPES)):
        found = np.flatnonzero(pairs.types == kind)
        rows += list(rng.permutation(found)[: max(1, lines // len(DEFECT_TYPES))])
    crops = Crops(
        picture_tensor([pairs.clean[row] for row in rows]),
        mask_tensor([pairs.allowed[row] for row in rows]),
        mask_tensor([pairs.shape[row] for row in rows]),
        *_plain_condition(pairs, rows),
    ).to(device)
    answers = [
        np.rint(pixels(model.generate(crops, STEPS, guidance, torch.Generator().manual_seed(0)))).astype(np.uint8)
        for guidance in (1.0, GUIDANCE)
    ]
    sheet = []
    for index, row in enumerate(rows):
        clean = pairs.clean[row]
        cells = [
            Cell(clean, DEFECT_TYPES[pairs.types[row]]),
            Cell(masked(clean, pairs.allowed[row], pairs.shape[row]), "mask"),
        ]
        cells += [Cell(answers[0][index], "edit"), Cell(answers[1][index], f"guidance {GUIDANCE:g}")]
        sheet.append([*cells, Cell(pairs.target[row], "real")])
    write_sheet(path, [[*left, *right] for left, right in zip(sheet[::2], sheet[1::2], strict=False)])


def _plain_condition(pairs: PairSet, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    return stack_states([pairs.plain[int(pairs.types[row]), int(pairs.strengths[row])] for row in rows])
