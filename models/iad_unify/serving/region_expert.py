"""The region expert behind the tensors of `catalog.REGION_EXPERT`. Raw numbers; the caller decides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.catalog import (
    APPEARANCE_ROWS,
    CALIBRATE_AGAIN,
    LARGEST_SQUARE,
    LEAST_SQUARE,
    MAX_REGIONS,
    REGION_EXPERT,
    SQUARE_STEP,
)
from iad_unify.checkpoint import CheckpointError, UntrainedHead, at_square, read_card
from iad_unify.checkpoint import model_version as version_of
from iad_unify.geometry import Letterbox
from iad_unify.masks import encode_window
from iad_unify.region_expert import model as expert
from iad_unify.region_expert.config import HEADS
from iad_unify.region_expert.export.delegating import Delegating
from iad_unify.region_expert.export.runtimes import AUTO, RUNTIMES, TENSORRT, TORCH, found_runtime, open_network
from iad_unify.region_expert.inspection import Inspected, describe, good_frames, inspect
from iad_unify.region_expert.reference import CalibrateAgain
from iad_unify.serving.references import References, names_of

Tensors = dict[str, NDArray[np.generic]]
_TRAIN = "iad-unify train region-expert --data procedural --out FOLDER"


class RegionExpertService:
    """Loads a checkpoint once and answers batches; not thread-safe (one instance per thread or process).

    Raises CheckpointError when the folder is not a region expert, UntrainedHead when a head was never trained (but for an
    expert that only compares, see `region_expert.bare`, which answers no frame without a reference). `threads` is torch's
    process-wide thread count, and that of the runtime.

    `runtime` says what runs the network: torch, or an export of this very checkpoint (onnxruntime, openvino, tensorrt)
    in `exported` or where `iad-unify export` puts it. CheckpointError when that is missing, belongs to another model, or
    its package is not installed; ValueError when there is no such runtime. `auto` is, on a processor, what of them is
    there (`runtimes.found_runtime`), and torch on a GPU. `backend` is Triton's Python module, which
    `tensorrt` needs. `references` is the folder of memories of good parts and golden templates; frames are compared
    with them in torch, by patches that the network gives.
    """

    def __init__(
        self,
        checkpoint: Path,
        threads: int = 1,
        device: str = "cpu",
        runtime: str = TORCH,
        exported: Path | None = None,
        backend: Any = None,
        references: Path | None = None,
    ) -> None:
        torch.set_num_threads(threads)
        checkpoint = Path(checkpoint)
        if runtime not in (AUTO, *RUNTIMES):
            raise ValueError(f"no such runtime: {runtime!r}; there are {', '.join((AUTO, *RUNTIMES))}")
        if runtime == AUTO:
            runtime = found_runtime(checkpoint, exported) if device == "cpu" else TORCH
        if runtime != TORCH and device != "cpu":
            raise ValueError(f"the runtime {runtime!r} needs an instance of KIND_CPU")
        self.model = expert.load(checkpoint)
        self.card = read_card(checkpoint)
        self.model_version = version_of(checkpoint)
        config = self.model.config
        for head in HEADS:
            if head not in config.trained_heads and not config.silent:
                raise UntrainedHead(checkpoint, f"{head} head", _TRAIN)
        default, proposal = self.card.default_threshold, self.card.proposal_threshold
        if default is None or proposal is None:
            raise CheckpointError(checkpoint, "train it again", "its card has no thresholds")
        self._defaults = np.array([default, proposal], np.float32)
        level = self.card.type_level
        self._type_level = np.float32(-1.0 if level is None else level)
        self.model.to(device)
        if runtime != TORCH:
            network, record = open_network(checkpoint, runtime, threads, exported, backend)
            self.model = Delegating(self.model, network)
            self.model_version = record.served_version
        takes_templates = runtime != TENSORRT  # its plan is the network without
        self._references = References(references, self.model, version_of(checkpoint), takes_templates=takes_templates)
        self._slugs = np.array([slug.encode() for slug in config.answers], dtype=object)
        self.runtime = runtime

    def warm_up(self) -> None:
        """Looks at a grey frame, and at a whole batch of them: the first look at a shape is several times slower.

        A TensorRT plan is left out: Triton answers no model that is still loading.
        """
        if self.runtime != TENSORRT:
            side = self.model.config.size
            for count in (1, REGION_EXPERT.max_batch_size):
                self.model.look(np.full((count, side, side, 3), 127, np.uint8))

    def infer(self, batch: Mapping[str, NDArray[np.generic]]) -> Tensors:
        """Inputs and outputs as in `catalog.REGION_EXPERT`, each with a leading batch dimension.

        TYPE_LOGITS rows past COUNT are 0. A frame's answer does not depend on the others in its batch, up to the
        rounding of the convolutions. DESCRIBE_REFERENCE costs one more pass for frames with regions that name a reference, see
        `good_frames`. Raises ValueError on tensors of another shape, squares smaller than the expert's
        input or a damaged letterbox, CalibrateAgain (a CheckpointError) on a REFERENCE that cannot be used.
        """
        images, thresholds, letterboxes = _checked(batch)
        wanted = _wanted(batch)
        names = names_of(batch)
        if self.model.config.silent:
            _all_compared(names, images)
        named = self._references.named(names, images, letterboxes)
        found = inspect(
            self.model,
            images,
            letterboxes,
            [float(row[0]) or float(self._defaults[1]) for row in thresholds],  # 0: the card's own
            [float(row[1]) for row in thresholds],
            named.templates,
            compare=named.compare if named.compares else None,
        )
        rows = [row for row, one in enumerate(found) if wanted[row] and one.proposals]
        good = {row: part for row in rows if (part := named.good_part(row)) is not None}
        frames = good_frames(
            self.model,
            list(good.values()),
            [letterboxes[row] for row in good],
            [row in named.aligned for row in good],
        )
        described = {
            row: describe(self.model, frame, [proposal.square for proposal in found[row].proposals]).appearance
            for row, frame in zip(good, frames, strict=True)
        }
        return self._packed(found, letterboxes, described)

    def _packed(
        self, found: list[Inspected], letterboxes: list[Letterbox], references: Mapping[int, NDArray[np.float16]]
    ) -> Tensors:
        count, types = len(found), len(self._slugs)
        tokens = (count, MAX_REGIONS, APPEARANCE_ROWS, self.model.config.token_dim)
        version = at_square(self.model_version, letterboxes[0].size, self.model.config.size)
        out: Tensors = {
            "IMAGE_SCORE": np.array([[one.score] for one in found], np.float32),
            "COUNT": np.array([[len(one.proposals)] for one in found], np.int32),
            "BOXES": np.zeros((count, MAX_REGIONS, 4), np.float32),
            "SCORES": np.zeros((count, MAX_REGIONS), np.float32),
            "TYPE_LOGITS": np.zeros((count, MAX_REGIONS, types), np.float32),
            "TYPE_SLUGS": np.tile(self._slugs, (count, 1)),
            "MASKS": np.full((count, MAX_REGIONS), b"", dtype=object),
            "APPEARANCE": np.zeros(tokens, np.float16),
            "GEOMETRY": np.zeros((count, MAX_REGIONS, 5), np.float32),
            "REFERENCE_APPEARANCE": np.zeros(tokens, np.float16),
            "DEFAULTS": np.tile(self._defaults, (count, 1)),
            "TYPE_LEVEL": np.full((count, 1), self._type_level, np.float32),
            "MODEL_VERSION": np.full((count, 1), version.encode(), dtype=object),
        }
        for index, (one, letterbox) in enumerate(zip(found, letterboxes, strict=True)):
            regions = len(one.proposals)
            out["TYPE_LOGITS"][index, :regions] = one.type_logits / self.card.type_temperature
            out["APPEARANCE"][index, :regions] = one.appearance
            if index in references:
                out["REFERENCE_APPEARANCE"][index, :regions] = references[index]
            for row, region in enumerate(one.proposals):
                rle = encode_window(region.mask, region.x, region.y, letterbox.width, letterbox.height)
                out["BOXES"][index, row] = region.box
                out["SCORES"][index, row] = region.score
                out["MASKS"][index, row] = rle.counts.encode("ascii")
                out["GEOMETRY"][index, row] = region.geometry(letterbox)
        return out


def _all_compared(names: Sequence[str], images: NDArray[np.uint8]) -> None:
    """Raises CalibrateAgain where an expert that only compares is shown a part and nothing to compare it with.

    A plain square shows none: who asks for the card sends it.
    """
    for name, image in zip(names, images, strict=True):
        if not name and image.min() != image.max():
            raise CalibrateAgain(
                "region_expert", CALIBRATE_AGAIN, "an expert that only compares, and a camera without a memory"
            )


def _wanted(batch: Mapping[str, NDArray[np.generic]]) -> Sequence[bool]:
    """Of each frame whether its REFERENCE_APPEARANCE is asked for."""
    count = len(batch["IMAGE"])
    asked = batch.get("DESCRIBE_REFERENCE", np.zeros((count, 1), np.int32))
    if asked.shape != (count, 1):
        raise ValueError(f"DESCRIBE_REFERENCE is [B, 1], not {list(asked.shape)}")
    return [bool(value) for value in asked[:, 0]]


def _checked(
    batch: Mapping[str, NDArray[np.generic]],
) -> tuple[NDArray[np.uint8], NDArray[np.float32], list[Letterbox]]:
    try:
        images, boxes, proposal = batch["IMAGE"], batch["LETTERBOX"], batch["PROPOSAL"]
    except KeyError as error:
        raise ValueError(f"tensor {error} is missing") from error
    side = images.shape[1] if images.ndim == 4 else 0
    if not len(images) or images.shape[1:] != (side, side, 3) or images.dtype != np.uint8:
        raise ValueError(f"IMAGE is uint8 [B, S, S, 3], not {images.dtype} {list(images.shape)}")
    if side % SQUARE_STEP or not LEAST_SQUARE <= side <= LARGEST_SQUARE:
        raise ValueError(
            f"IMAGE has a side of {side} and not a multiple of {SQUARE_STEP} from {LEAST_SQUARE} to {LARGEST_SQUARE}"
        )
    if boxes.shape != (len(images), 5) or proposal.shape != (len(images), 2):
        raise ValueError(f"LETTERBOX is [B, 5] and PROPOSAL [B, 2], not {list(boxes.shape)} and {list(proposal.shape)}")
    if not np.isfinite(proposal.astype(np.float64)).all():
        raise ValueError("PROPOSAL holds a number that is not finite")
    letterboxes = [Letterbox.from_array(row.astype(np.float32), side) for row in boxes]
    return images.astype(np.uint8, copy=False), proposal.astype(np.float32), letterboxes
