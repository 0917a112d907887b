"""Synthetic anomalies: visible, inside their mask, and nowhere else."""

import numpy as np

from iad_unify.data.anomalies import add_anomaly


def test_an_anomaly_changes_its_mask_visibly_and_nothing_else() -> None:
    seen = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        picture = rng.integers(90, 130, (128, 160, 3), dtype=np.uint8)
        donor = rng.integers(20, 220, (128, 160, 3), dtype=np.uint8)
        changed, mask = add_anomaly(picture, donor, rng)
        assert (changed[~mask] == picture[~mask]).all()
        if mask.any():
            seen += 1
            assert np.abs(changed[mask].astype(int) - picture[mask]).mean() > 2
    assert seen > 40


def test_an_anomaly_stays_where_it_is_allowed() -> None:
    allowed = np.zeros((128, 128), dtype=bool)
    allowed[:, :50] = True
    for seed in range(20):
        picture = np.full((128, 128, 3), 100, np.uint8)
        _, mask = add_anomaly(picture, picture, np.random.default_rng(seed), allowed)
        assert not (mask & ~allowed).any()


def test_the_same_seed_gives_the_same_anomaly() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    first, second = (add_anomaly(picture, picture[::-1], np.random.default_rng(9)) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()
