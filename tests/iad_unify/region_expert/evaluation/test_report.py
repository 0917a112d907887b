"""Figures, rows and intervals from maps made by hand: no model, known answers."""

from dataclasses import replace

import numpy as np
import pytest

from iad_unify.data.samples import Box
from iad_unify.region_expert.evaluation import boxes, breakdown, levels, metrics, report
from iad_unify.region_expert.evaluation.boxes import Detection
from iad_unify.region_expert.evaluation.resampling import Resampling
from iad_unify.region_expert.evaluation.seen import Defect, Levels, Seen

AT = Levels(0.5, 0.5, 0.5, "by hand")


def _seen(index: int, kinds: tuple[str, ...] = (), sharp: float = 0.4) -> Seen:
    """A noisy map of 40 x 50 pixels with a square defect of each kind, brighter by `sharp`."""
    rng = np.random.default_rng(index)
    pixels = rng.random((40, 50)).astype(np.float32) * np.float32(0.6)
    defects = []
    for place, kind in enumerate(kinds):
        x, y = 4 + 15 * place, 5 + index % 20
        pixels[y : y + 8, x : x + 8] += np.float32(sharp)
        defects.append(Defect(kind, np.ones((8, 8), dtype=bool), x, y, 0.6, kind, kind))
    score = float(pixels.max())
    return Seen(f"{index}.png", f"g{index % 5}", bool(kinds), frozenset(kinds), score, pixels, tuple(defects))


@pytest.fixture(scope="module")
def seen() -> list[Seen]:
    kinds: list[tuple[str, ...]] = [(), ("crack",), ("hole",), ("crack", "hole")]
    return [_seen(index, kinds[index % 4]) for index in range(24)]


def _figures(seen: list[Seen], at: Levels = AT) -> dict[str, report.Value]:
    return report.figures(seen, report.pooled(seen), at, Resampling.of([one.group for one in seen], 60))


def test_the_pooled_figures_are_those_of_all_pixels_in_one_row(seen: list[Seen]) -> None:
    pixels = np.concatenate([one.pixels.ravel() for one in seen])
    truth = np.concatenate([one.truth().ravel() for one in seen])
    points, values = metrics.curve(pixels, truth), _figures(seen)
    assert values["pixel_auroc"][0] == pytest.approx(metrics.auroc(points), abs=1e-12)
    assert values["pixel_ap"][0] == pytest.approx(metrics.average_precision(points), abs=1e-12)
    assert values["f1_max"][0] == pytest.approx(metrics.f1_max(points)[0], abs=1e-12)
    found = pixels >= np.float32(AT.pixel)
    assert values["iou"][0] == pytest.approx((found & truth).sum() / (found | truth).sum())


def test_an_interval_holds_its_value_and_is_not_a_point(seen: list[Seen]) -> None:
    for name, (value, ci) in _figures(seen).items():
        assert ci is not None, name
        assert ci[0] - 1e-6 <= value <= ci[1] + 1e-6, name
    assert np.ptp(_figures(seen)["aupro_30"][1]) > 0  # type: ignore[arg-type]


def test_a_constant_expert_scores_the_prevalence_and_half_of_everything_else(seen: list[Seen]) -> None:
    flat = [replace(one, pixels=np.full_like(one.pixels, 0.3), score=0.3) for one in seen]
    values = _figures(flat)
    truth = np.concatenate([one.truth().ravel() for one in seen])
    assert values["pixel_ap"][0] == pytest.approx(truth.mean())
    assert values["pixel_auroc"][0] == values["image_auroc"][0] == pytest.approx(0.5)
    assert values["aupro_30"][0] == pytest.approx(0.15)
    assert values["aupro_05"][0] == pytest.approx(0.025)


def test_nothing_is_normalised_per_picture(seen: list[Seen]) -> None:
    """A picture whose map is stretched changes the pooled figures, though its own ranking stays."""
    stretched = [replace(one, pixels=one.pixels * np.float32(0.2)) if one.anomalous else one for one in seen]
    assert _figures(stretched)["pixel_ap"][0] < 0.5 * _figures(seen)["pixel_ap"][0]


def test_pixels_of_unknown_truth_are_left_out(seen: list[Seen]) -> None:
    unknown = replace(seen[1], unknown=np.ones(seen[1].pixels.shape, dtype=bool), defects=())
    rest = [*seen[:1], *seen[2:]]
    assert _figures([*rest, unknown])["pixel_ap"][0] == pytest.approx(_figures(rest)["pixel_ap"][0], abs=1e-12)


def test_a_type_is_judged_without_the_pixels_of_other_types(seen: list[Seen]) -> None:
    row = breakdown.per_type(seen, AT)["crack"]
    blind = []
    for one in seen:  # as if the expert saw everything about holes: nothing may change for cracks
        pixels = one.pixels.copy()
        for defect in one.defects:
            if defect.defect_type == "hole":
                pixels[defect.y : defect.y + 8, defect.x : defect.x + 8] = 1
        blind.append(replace(one, pixels=pixels))
    other = breakdown.per_type(blind, AT)["crack"]
    assert row["pictures"] == 12
    assert row["groups"] == 5
    for name in ("image_auroc", "pixel_ap", "aupro_30", "aupro_05", "iou", "pictures_detected"):
        assert row[name] == other[name]
        assert 0 < row[name] <= 1


def test_a_group_with_one_class_only_has_no_image_auroc() -> None:
    rows = breakdown.per_group([_seen(0), _seen(5), _seen(1, ("crack",))], AT)
    assert rows["g0"] == {
        "pictures": 2, "defective": 0, "image_auroc": None, "pixel_ap": None, "aupro_30": None, "iou": None,
        "detection_rate": None, "false_alarm_rate": 1.0,
    }  # fmt: skip
    assert rows["g1"]["detection_rate"] == 1
    assert rows["g1"]["pixel_ap"] > 0.5


def test_one_group_alone_is_resampled_by_picture() -> None:
    assert Resampling.of(["a", "a", "b"], 5).unit == "group"
    alone = Resampling.of(["a", "a", "a"], 5)
    assert alone.unit == "picture"
    assert alone.units == 3
    assert alone.drawn.sum(axis=1).tolist() == [3] * 5


def test_a_ratio_is_resampled_with_whole_groups() -> None:
    resampling = Resampling.of(["a", "a", "b", "b"], 200)
    assert resampling.ratio([1, 1, 0, 0], [1, 1, 1, 1]) == (0.5, (0.0, 1.0))
    value, ci = resampling.ratio([0, 0, 0, 0], [0, 0, 0, 0])
    assert np.isnan(value)
    assert ci is None


def _boxed(index: int, score: float) -> Seen:
    truth = Box(4, 5, 12, 13, "crack")
    found = (Detection(4, 5, 12, 13, "crack", score), Detection(20, 20, 30, 30, "crack", 0.45))
    return replace(_seen(index, ("crack",)), found=found, boxes=(truth,))


def test_boxes_are_judged_at_the_chosen_threshold_and_at_the_best_one() -> None:
    seen = [_boxed(index, 0.8 if index % 2 else 0.47) for index in range(8)]
    values = _figures(seen, AT)
    assert values["box_f"][0] == pytest.approx(2 * 4 / (4 + 8))
    assert values["box_f_max"][0] == 1
    assert values["box_ap"][0] == 1
    assert values["box_map50"][0] == 1
    assert "box_f" not in _figures([_seen(0), _seen(1, ("crack",))])
    assert breakdown.per_type(seen, AT)["crack"]["box_ap50"] == 1
    assert breakdown.per_group(seen, AT)["g1"]["box_f"] is not None


def test_a_cards_threshold_is_held_against_the_region_alone_as_the_daemon_does() -> None:
    """A right box of a sure region whose type is less sure stays; it counts at the card's threshold of 0.5."""
    found = (Detection(4, 5, 12, 13, "crack", 0.42, 0.7), Detection(20, 20, 30, 30, "crack", 0.3, 0.45))
    seen = [replace(_boxed(index, 0.8), found=found) for index in range(8)]
    assert _figures(seen, AT)["box_f"][0] == 0
    assert _figures(seen, replace(AT, box_of_region=True))["box_f"][0] == 1
    assert breakdown.per_group(seen, replace(AT, box_of_region=True))["g1"]["box_f"] == 1
    assert not levels.choose(seen, replace(AT, box_of_region=True), "validation").box_of_region


def test_thresholds_are_chosen_where_the_pictures_can_tell_and_kept_where_they_cannot(seen: list[Seen]) -> None:
    chosen = levels.choose(seen, AT, "validation")
    anomalous = np.array([one.anomalous for one in seen])
    scores = np.array([one.score for one in seen])
    f1, threshold = metrics.f1_max(metrics.curve(scores, anomalous))
    assert chosen.decision == threshold
    assert f1 >= metrics.f1_max(metrics.curve(scores, anomalous))[0]
    assert chosen.pixel == metrics.iou_best(report.pooled(seen))
    assert chosen.box == AT.box
    assert levels.choose([_seen(0), _seen(4)], AT, "validation") == replace(AT, source="validation")
    boxed = [_boxed(index, 0.8 if index % 2 else 0.47) for index in range(8)]
    assert levels.choose(boxed, AT, "validation").box == 0.47
    assert levels.choose(boxed, AT, "validation").decision == AT.decision  # no good picture: nothing to decide
    assert boxes.HALF_IOU < 0.5
