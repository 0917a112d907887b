"""A region as one vector: what is inside and around it, each of length 1, side by side. Pure numpy; it knows no store."""

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import LOOK_ROW

#: Shorter rows are taken as zero.
_SHORTEST = 1e-6


def embed(appearance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Embeddings [N, 2 * D] of length 1 of appearance rows [N, K, D]; zeros for a region whose rows are all zero.

    The cosine of two embeddings is the mean cosine of their rows: what is inside and what is around count alike. The close
    look is left out: it is arranged by the types that the expert was taught, and neighbours are there for all others.
    """
    rows = np.asarray(appearance, dtype=np.float32)[:, :LOOK_ROW]
    flat = _of_length_one(rows).reshape(len(rows), rows.shape[1] * rows.shape[2])
    return _of_length_one(flat)


def _of_length_one(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.where(lengths > _SHORTEST, vectors / np.maximum(lengths, _SHORTEST), 0), dtype=np.float32)
