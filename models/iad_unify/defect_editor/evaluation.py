"""Measures an editor on procedural drawings it never saw: the figures of EVALUATION "Generation", with intervals.

The judge of types is the region expert; it learned from drawings of the same generator, so every figure it gives stands
beside its answer on unedited clean frames and on the real (drawn) defects. Knows no terminal.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from iad_unify.defect_editor.condition import Backbone, Reference, instruction, strength_of
from iad_unify.defect_editor.judging import Estimate, change, changed_outside, estimates, psnr, seam, ssim
from iad_unify.defect_editor.looseness import box, dilate
from iad_unify.defect_editor.pairs import change_inside, drawings
from iad_unify.defect_editor.references import ExpertReferences, region_masks
from iad_unify.defect_editor.sampling import EditRequest, Sampler
from iad_unify.defect_editor.sheet import Cell, masked
from iad_unify.defect_editor.window import cut, window_around
from iad_unify.procedural import USUAL_DEFECTS, Drawing
from iad_unify.types import DEFECT_TYPES

#: Seed of the test drawings; training seeds are small.
TEST_SEED = 10_000_019
#: A type's area is thought coarse when it says little of the shape: the defect's box, grown by so many pixels.
AREA_GROWN = 4
#: Diversity, strengths and references are measured on every third trial: each costs further edits.
EXTRAS_EVERY = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One drawing with its request: shape edits follow the drawn mask, area edits only its bounding box."""

    drawing: Drawing
    wanted: str  # type asked for when the text is to steer: another than the drawn one
    seed: int

    @property
    def drawn(self) -> str:
        """The drawn defect's type."""
        return self.drawing.defects[0].defect_type

    @property
    def allowed(self) -> np.ndarray:
        """Where a shape edit may change pixels: drawn edges are soft, so the mask grown by 2 px."""
        return dilate(self.drawing.mask, 2)

    @property
    def area(self) -> np.ndarray:
        """Where an area edit may change pixels."""
        return box(self.drawing.mask, AREA_GROWN)


@dataclass(slots=True)
class Report:
    """Figures over all trials and by type, and a sheet of the first edits of each type."""

    figures: dict[str, Estimate]
    by_type: dict[str, dict[str, Estimate]]
    sheet: list[list[Cell]] = field(default_factory=list)


def trials(count: int, seed: int) -> Iterator[Trial]:
    """Test drawings, types in turn; the type that steering asks for is usual on the product and not the drawn one."""
    rng = np.random.default_rng((TEST_SEED, seed))
    for index, drawing in enumerate(drawings(count, TEST_SEED + seed)):
        usual = [one for one in USUAL_DEFECTS.get(drawing.product, DEFECT_TYPES) if one != "missing_part"]
        others = [one for one in usual if one != drawing.defects[0].defect_type]
        yield Trial(drawing, others[int(rng.integers(len(others)))], seed=index)


class Evaluator:
    """Edits with `sampler`, judges with the expert."""

    def __init__(
        self, sampler: Sampler, backbone: Backbone, judge: ExpertReferences, steps: int, guidance: float
    ) -> None:
        self.sampler, self.backbone, self.judge = sampler, backbone, judge
        self.steps, self.guidance = steps, guidance

    def run(self, trials: Sequence[Trial], report: Callable[[int], None] = lambda done: None) -> Report:
        """Judges every trial."""
        rows, sheet = [], []
        for index, trial in enumerate(trials):
            row, cells = self._judge(trial)
            rows.append(row)
            if index < 2 * len(DEFECT_TYPES):
                sheet.append(cells)
            report(index + 1)
        kinds = [trial.drawn for trial in trials]
        by_type = {
            kind: estimates([row for row, one in zip(rows, kinds, strict=True) if one == kind]) for kind in set(kinds)
        }
        pairs = [sheet[start] + sheet[start + 1] for start in range(0, len(sheet) - 1, 2)]
        return Report(estimates(rows), by_type, pairs)

    def _edit(
        self,
        trial: Trial,
        kind: str,
        allowed: np.ndarray,
        *,
        shape: bool,
        strength: str = "",
        reference: Reference | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        hint = trial.drawing.mask if shape else np.zeros_like(allowed)
        states = self.backbone.states([instruction(kind, strength)], [reference])[0]
        request = EditRequest(
            trial.drawing.clean, allowed, hint, states, trial.seed * 1000 + seed, self.steps, self.guidance
        )
        return self.sampler(request)

    def _judge(self, trial: Trial) -> tuple[dict[str, float], list[Cell]]:
        drawing, allowed, area = trial.drawing, trial.allowed, trial.area
        strength = strength_of(change_inside(drawing))
        edits = {
            "shape": self._edit(trial, trial.drawn, allowed, shape=True, strength=strength),
            "area": self._edit(trial, trial.drawn, area, shape=False),
            "steered": self._edit(trial, trial.wanted, area, shape=False),
        }
        if trial.seed % EXTRAS_EVERY == 0:
            edits |= self._extras(trial, strength)
        row = self._pixels(trial, edits) | self._seen(trial, edits)
        first = drawing.clean
        cells = [Cell(_zoom(first, area), trial.drawn), Cell(_zoom(masked(first, allowed, drawing.mask), area), "mask")]
        cells += [Cell(_zoom(edits["shape"], area), "edit"), Cell(_zoom(drawing.image, area), "real")]
        cells += [Cell(_zoom(edits["area"], area), "in the box"), Cell(_zoom(edits["steered"], area), trial.wanted)]
        return row, cells

    def _extras(self, trial: Trial, strength: str) -> dict[str, np.ndarray]:
        """Another seed, both strengths, and with a reference what the same seed does without it."""
        allowed, drawing = trial.allowed, trial.drawing
        edits = {
            "again": self._edit(trial, trial.drawn, allowed, shape=True, strength=strength, seed=1),
            "faint": self._edit(trial, trial.drawn, allowed, shape=True, strength="faint"),
            "strong": self._edit(trial, trial.drawn, allowed, shape=True, strength="strong"),
        }
        if (reference := self.judge.find(drawing.image, drawing.mask)) is not None:
            edits["referenced"] = self._edit(trial, trial.drawn, allowed, shape=True, reference=reference)
            edits["unnamed"] = self._edit(trial, trial.drawn, allowed, shape=True)
        return edits

    def _pixels(self, trial: Trial, edits: dict[str, np.ndarray]) -> dict[str, float]:
        clean, image, mask = trial.drawing.clean, trial.drawing.image, trial.drawing.mask
        allowed, area, edited = trial.allowed, trial.area, edits["shape"]
        row = {
            "outside_changed_pixels": float(
                sum(
                    changed_outside(clean, one, area if name in ("area", "steered") else allowed)
                    for name, one in edits.items()
                )
            ),
            "psnr": psnr(edited, image),
            "ssim": ssim(edited, image),
            "masked_psnr": psnr(edited, image, allowed),
            "masked_ssim": ssim(edited, image, allowed),
            "masked_psnr_unedited": psnr(clean, image, allowed),
            "masked_ssim_unedited": ssim(clean, image, allowed),
            "seam": seam(clean, edited, allowed),
            "seam_real": seam(clean, np.where(allowed[..., None], image, clean), allowed),
            "seam_area": seam(clean, edits["area"], area),
            "change": change(clean, edited, mask),
            "change_real": change(clean, image, mask),
        }
        if "again" in edits:
            row["change_faint"] = change(clean, edits["faint"], mask)
            row["change_strong"] = change(clean, edits["strong"], mask)
            row["diversity"] = change(edited, edits["again"], allowed)
        if "referenced" in edits:
            gain = psnr(edits["referenced"], image, allowed) - psnr(edits["unnamed"], image, allowed)
            row["reference_psnr_gain"] = gain
        return row

    def _seen(self, trial: Trial, edits: dict[str, np.ndarray]) -> dict[str, float]:
        """What the expert sees where the edit was asked."""
        mask, area = trial.drawing.mask, trial.area
        pictures = {"clean": trial.drawing.clean, "real": trial.drawing.image} | {
            name: edits[name] for name in ("shape", "area", "steered")
        }
        found = self.judge.inspect(list(pictures.values()))
        seen = {
            name: self._at(found, index, mask if name in ("clean", "real", "shape") else area)
            for index, name in enumerate(pictures)
        }
        return {
            "type_accuracy": float(seen["shape"][0] == trial.drawn),
            "type_accuracy_unedited": float(seen["clean"][0] == trial.drawn),
            "type_accuracy_real": float(seen["real"][0] == trial.drawn),
            "type_accuracy_area": float(seen["area"][0] == trial.drawn),
            "type_accuracy_steered": float(seen["steered"][0] == trial.wanted),
            "steered_keeps_drawn_type": float(seen["steered"][0] == trial.drawn),
            "detected": float(seen["shape"][0] != ""),
            "detected_unedited": float(seen["clean"][0] != ""),
            "detected_real": float(seen["real"][0] != ""),
            "detected_area": float(seen["area"][0] != ""),
            "mask_iou": seen["shape"][1],
            "mask_iou_unedited": seen["clean"][1],
            "mask_iou_real": seen["real"][1],
        }

    def _at(self, found: dict[str, np.ndarray], row: int, mask: np.ndarray) -> tuple[str, float]:
        """(type of the region that covers most of `mask`, "" when none touches it; IoU of all touching regions)."""
        regions = region_masks(found, row, (mask.shape[0], mask.shape[1]))
        shared = np.array([int((one & mask).sum()) for one in regions])
        touching = np.flatnonzero(shared)
        if not len(touching):
            return "", 0.0
        union = np.any([regions[index] for index in touching], axis=0)
        slugs = [slug.decode() if isinstance(slug, bytes) else str(slug) for slug in found["TYPE_SLUGS"][row]]
        kind = slugs[int(found["TYPE_LOGITS"][row, int(shared.argmax())].argmax())]
        return kind, float((union & mask).sum() / (union | mask).sum())


def _zoom(picture: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The square around `area`, so that a sheet shows the edit and not the frame."""
    return cut(picture, window_around(area, 64))


def plot(report: Report, path: Path) -> None:
    """Type accuracy by type: edits beside real defects and unedited frames."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = [kind for kind in DEFECT_TYPES if kind in report.by_type]
    columns = {
        "type_accuracy_unedited": "unedited",
        "type_accuracy": "edit",
        "type_accuracy_area": "edit in a box",
        "type_accuracy_real": "real",
    }
    figure, axes = pyplot.subplots(figsize=(10, 4), layout="constrained")
    for offset, (name, label) in enumerate(columns.items()):
        values = [report.by_type[kind][name] for kind in kinds]
        places = np.arange(len(kinds)) + (offset - 1.5) * 0.2
        heights = np.array([one.value for one in values])
        errors = np.abs(np.array([[one.value - one.low, one.high - one.value] for one in values]).T)
        axes.bar(places, heights, 0.2, label=label, yerr=errors, error_kw={"linewidth": 0.7})
    axes.set_xticks(range(len(kinds)), kinds, rotation=20)
    axes.set_ylabel("type judged right")
    axes.set_ylim(0, 1.05)
    axes.legend(ncols=4, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
