import numpy as np
import pytest

from inspectd.errors import Rejected
from inspectd.thresholds.sketch import POINTS, ScoreSketch


def test_a_small_sample_is_kept_whole() -> None:
    sketch = ScoreSketch.of([0.3, 0.1, 0.2, 0.2])
    assert sketch == ScoreSketch((0.1, 0.2, 0.2, 0.3), 4)
    assert ScoreSketch.from_bytes(sketch.to_bytes(), 4) == sketch


@pytest.mark.parametrize("count", [POINTS, POINTS + 1, 700, 5000, 100_003])
def test_a_large_sample_keeps_its_distribution_function(count: int) -> None:
    sample = np.random.default_rng(3).gamma(2.0, size=count)
    sketch = ScoreSketch.of(sample)
    assert len(sketch.points) == POINTS
    assert sketch.count == count
    assert set(sketch.points) <= set(sample.tolist())
    everywhere = np.sort(sample)
    whole = np.searchsorted(everywhere, everywhere, side="right") / count
    short = np.searchsorted(np.array(sketch.points), everywhere, side="right") / POINTS
    assert np.abs(whole - short).max() <= 0.5 / POINTS + 1 / count + 1e-12


def test_what_lies_below_a_cut_stands_for_its_share_of_the_sample() -> None:
    points, count = ScoreSketch((0.1, 0.2, 0.3, 0.4), 400).below(0.3)
    assert points.tolist() == [0.1, 0.2]
    assert count == 200


def test_a_sketch_of_nothing_or_of_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="0 points"):
        ScoreSketch.of([])
    with pytest.raises(Rejected):
        ScoreSketch.of([0.1, float("nan")])
