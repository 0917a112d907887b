"""Choosing a few rows that cover many, and the distance to the nearest of them. It knows matrices, not pictures."""

import torch
from torch import Tensor

#: Rows are compared in a random projection of this many columns while choosing; distances in use are exact.
_PROJECTED = 32
#: Rows that the first choice is made from: the one farthest from them on average.
_STARTS = 10
#: Rows whose distances are held at a time.
_CHUNK = 4096


def k_centres(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices int64 [min(count, N)] of rows [N, C] so that no row is far from the nearest chosen one.

    Greedy, in a random projection and from an approximate start, as PatchCore (arXiv 2106.08265, algorithm 1) does: each
    choice is the row farthest from all before it. Costs count x N x 32 multiply-adds. Raises ValueError without rows.
    """
    if not len(rows):
        raise ValueError("nothing to choose from")
    if rows.shape[1] > _PROJECTED:
        mixing = torch.randn(rows.shape[1], _PROJECTED, generator=generator)
        rows = rows @ (mixing / _PROJECTED**0.5)
    squares = rows.square().sum(dim=1)
    starts = rows[torch.randint(len(rows), (_STARTS,), generator=generator)]
    nearest = torch.full_like(squares, torch.inf)
    last = int(torch.cdist(rows, starts).mean(dim=1).argmax())
    chosen = []
    for _ in range(min(count, len(rows))):
        chosen.append(last)
        nearest = torch.minimum(nearest, torch.addmv(squares + squares[last], rows, rows[last], alpha=-2))
        nearest[last] = -torch.inf  # rounding must not choose a row twice
        last = int(nearest.argmax())
    return torch.tensor(chosen)


def nearest_distance(rows: Tensor, items: Tensor, left_out: Tensor | None = None) -> Tensor:
    """Euclidean distance [N] of each row [N, C] to the nearest item [M, C]; bool [M] leaves items out.

    inf where every item is left out. Costs N x M x C multiply-adds.
    """
    squares = items.square().sum(dim=1)
    if left_out is not None:
        squares = squares.masked_fill(left_out, torch.inf)
    found = []
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        found.append(torch.addmm(squares, part, items.T, alpha=-2).amin(dim=1) + part.square().sum(dim=1))
    return torch.cat(found).clamp_min_(0).sqrt_()
