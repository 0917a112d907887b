"""The explainer's language model as the editor's condition: frozen, read through `serving.explainer`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iad_unify.checkpoint import read_config
from iad_unify.defect_editor.condition import Reference
from iad_unify.serving.explainer import ExplainerService

#: Prompts in one pass through the backbone.
BATCH = 16


class ExplainerBackbone:
    """See `condition.Backbone`. States of a text without references are computed once.

    Raises what `ExplainerService` raises: CheckpointError, UntrainedHead.
    """

    def __init__(self, checkpoint: Path, threads: int = 1, device: str = "cpu") -> None:
        self._explainer = ExplainerService(checkpoint, threads, device)
        config = read_config(checkpoint)
        self._token_shape = (int(config["region_rows"]), int(config["region_dim"]))
        self._known: dict[str, np.ndarray] = {}

    @property
    def model_version(self) -> str:
        """The explainer checkpoint's."""
        return self._explainer.model_version

    @property
    def hidden_size(self) -> int:
        """H."""
        return self._explainer.hidden_size

    def states(self, texts: Sequence[str], references: Sequence[Reference | None]) -> list[np.ndarray]:
        """One float32 [T, H] per text, padding removed. ValueError when a reference does not fit the explainer."""
        rows = list(zip(texts, references, strict=True))
        result: list[np.ndarray | None] = [None if reference else self._known.get(text) for text, reference in rows]
        missing = [index for index, states in enumerate(result) if states is None]
        for start in range(0, len(missing), BATCH):
            chosen = missing[start : start + BATCH]
            for index, states in zip(chosen, self._compute([rows[index] for index in chosen]), strict=True):
                result[index] = states
                if not rows[index][1]:
                    self._known[rows[index][0]] = states
        return [states for states in result if states is not None]

    def _compute(self, rows: Sequence[tuple[str, Reference | None]]) -> list[np.ndarray]:
        empty = Reference(np.zeros((0, *self._token_shape), np.float16), np.zeros((0, 5), np.float32))
        references = [reference or empty for _, reference in rows]
        hidden, real = self._explainer.hidden_states(
            [text for text, _ in rows], [one.appearance for one in references], [one.geometry for one in references]
        )
        return [one[kept].cpu().numpy() for one, kept in zip(hidden, real, strict=True)]
