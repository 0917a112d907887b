"""What `calibrate-types` fits and tells; a card is written only when there is enough to tell."""

from pathlib import Path

import numpy as np
import pytest
from tests.checkpoints import write_expert
from typer.testing import CliRunner

from iad_unify.checkpoint import CARD
from iad_unify.cli import app
from iad_unify.data.samples import DataError
from iad_unify.language.facts import UNCALIBRATED, TypeRule
from iad_unify.region_expert.evaluation import confidence
from iad_unify.region_expert.evaluation.resampling import Resampling
from iad_unify.region_expert.evaluation.type_calibration import Known, fit, measure
from iad_unify.types import UNKNOWN

ANSWERS = ("scratch", "crack", "hole", UNKNOWN)


def regions(count: int, seed: int, factor: float) -> Known:
    """Regions of an expert that is `factor` times too sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, 4)) - np.array([0, 0, 0, 30.0])
    truth = np.array([rng.choice(4, p=row) for row in confidence.probabilities(logits)])
    return Known(tuple(str(index // 2) for index in range(count)), logits * factor, truth)


def test_an_expert_that_is_too_sure_is_cooled_and_its_sets_hold_what_they_promise() -> None:
    temperature, level = fit(regions(1500, 0, 4.0), ANSWERS, 0.9)
    assert temperature == pytest.approx(4.0, rel=0.15)
    fresh = regions(1500, 1, 4.0)
    resampling = Resampling.of(fresh.groups, 20)
    before = measure(fresh, ANSWERS, 1.0, UNCALIBRATED, resampling, "before")
    after = measure(fresh, ANSWERS, temperature, TypeRule(level), resampling, "after")
    assert after["type_ece_after"][0] < 0.05 < before["type_ece_before"][0]
    assert after["type_loss_after"][0] < before["type_loss_before"][0]
    assert before["type_set_coverage_before"][0] < 0.85
    assert 0.87 < after["type_set_coverage_after"][0] < 0.95


def test_too_few_regions_are_refused_and_the_card_stays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="are needed"):
        fit(regions(30, 0, 1.0), ANSWERS, 0.9)
    folder = write_expert(tmp_path)
    card = (folder / CARD).read_text()
    said = CliRunner().invoke(
        app, ["calibrate-types", "--checkpoint", str(folder), "--data", "procedural", "--pictures", "20"]
    )
    assert said.exit_code == 2
    assert (folder / CARD).read_text() == card


@pytest.mark.parametrize(
    ("square", "words"), [(1008, "not a multiple of 32"), (224, "smaller than the expert's input")]
)
def test_a_square_that_the_expert_cannot_see_is_refused_at_once_and_the_card_stays(
    tmp_path: Path, square: int, words: str
) -> None:
    folder = write_expert(tmp_path)
    card = (folder / CARD).read_text()
    said = CliRunner().invoke(
        app, ["calibrate-types", "--checkpoint", str(folder), "--data", "procedural", "--square", str(square)]
    )
    assert said.exit_code == 2
    assert words in " ".join(said.output.replace("│", " ").split())
    assert (folder / CARD).read_text() == card


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(strange: float) -> None:
    found = regions(100, 0, 1.0)
    found.logits[7, 1] = strange
    with pytest.raises(DataError, match="not all finite numbers"):
        fit(found, ANSWERS, 0.9)
