"""Times AUPRO on 100 maps of 256x256 against anomalib's own, both in one process on the same arrays.

    python tests/benchmarks/aupro.py

anomalib is no dependency of ours: the first run makes an environment for it (`peers.py`), later runs use that. Prints the
times, their ratio and both values; a plain reference in float64 that tries every threshold says which of the two is nearer.
"""

import os
import subprocess
import time
from importlib.util import find_spec

import numpy as np
from peers import ROOT, peers_python

MAPS, SIDE, LIMITS, REPEATS = 100, 256, (0.3, 0.05), 5


def main() -> None:
    if find_spec("anomalib") is None:
        python = peers_python()
        raise SystemExit(
            subprocess.call([str(python), __file__], env=os.environ | {"PYTHONPATH": str(ROOT / "models")})
        )
    compare()


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Maps float32 [100, 256, 256] that find most of the regions of the truths bool [100, 256, 256]; 40 are good."""
    rng = np.random.default_rng(0)
    maps = rng.random((MAPS, SIDE, SIDE), dtype=np.float32)
    truths = np.zeros(maps.shape, dtype=bool)
    for truth in truths[:60]:
        for _ in range(rng.integers(1, 5)):
            y, x, height, width = *rng.integers(0, SIDE - 40, 2), *rng.integers(2, 40, 2)
            truth[y : y + height, x : x + width] = True
    maps[truths] += rng.random(int(truths.sum()), dtype=np.float32)
    return maps, truths


def compare() -> None:
    import torch
    from anomalib.metrics.aupro import _AUPRO  # the metric itself, without the wrapper that reads batches

    from iad_unify.region_expert.evaluation import metrics, overlap

    def ours(limit: float) -> float:
        return overlap.aupro(maps, truths, limit)

    def theirs(limit: float) -> float:
        metric = _AUPRO(fpr_limit=limit)
        metric.update(torch.from_numpy(maps), torch.from_numpy(truths).int())
        return float(metric.compute())

    maps, truths = drawn()
    print(f"{MAPS} maps of {SIDE}x{SIDE}, {torch.get_num_threads()} threads of torch; best of {REPEATS}")
    for limit in LIMITS:
        (own, own_s), (other, other_s) = timed(ours, limit), timed(theirs, limit)
        exact = reference(maps, truths, limit)
        print(
            f"AUPRO@{limit}: ours {own_s * 1000:.0f} ms, anomalib {other_s * 1000:.0f} ms, ratio {other_s / own_s:.1f}; "
            f"ours {own:.9f}, anomalib {other:.9f}, reference {exact:.9f}: "
            f"off by {abs(own - exact):.1e} and {abs(other - exact):.1e}"
        )
    assert metrics.__file__.startswith(str(ROOT)), "another copy of iad_unify was measured"


def timed(measure, limit: float) -> tuple[float, float]:
    """The value and the shortest of several times, seconds."""
    times, value = [], 0.0
    for _ in range(REPEATS):
        started = time.perf_counter()
        value = measure(limit)
        times.append(time.perf_counter() - started)
    return value, min(times)


def reference(maps: np.ndarray, truths: np.ndarray, limit: float) -> float:
    """AUPRO by one stable argsort of every pixel in float64, regions by flood fill; shares no code with ours."""
    weights = np.zeros(maps.shape)
    regions = 0
    for truth, weight in zip(truths, weights, strict=True):
        left = {(int(y), int(x)) for y, x in np.argwhere(truth)}
        while left:
            region = flood(left)
            regions += 1
            for y, x in region:
                weight[y, x] = 1 / len(region)
    order = np.argsort(-maps.ravel().astype(np.float64), kind="stable")
    values = maps.ravel()[order]
    last = np.append(values[1:] != values[:-1], True)
    rate = np.append(0.0, np.cumsum(~truths.ravel()[order])[last] / np.count_nonzero(~truths))
    share = np.append(0.0, np.cumsum(weights.ravel()[order])[last] / regions)
    inside = rate < limit
    x = np.append(rate[inside], limit)
    y = np.append(share[inside], np.interp(limit, rate, share))
    return float(np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2) / limit)


def flood(left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """One 8-connected region, taken out of `left`."""
    region, front = [], [left.pop()]
    while front:
        y, x = front.pop()
        region.append((y, x))
        near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
        left -= near
        front += near
    return region


if __name__ == "__main__":
    main()
