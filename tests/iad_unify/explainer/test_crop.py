"""A crop becomes patches as the family's own image processor makes them, and a bounded number of tokens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from iad_unify.explainer.crop import AREAS_PX, FIELD, CropRule
from iad_unify.explainer.prompt import PromptWriter
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.tokenizer import SPECIAL_TOKENS

TINY, FULL = (CropRule(*AREAS_PX[name]) for name in ("tiny", "full"))


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("rule", [TINY, FULL])
@pytest.mark.parametrize("size", [(128, 128), (256, 256), (256, 180), (90, 240), (640, 480), (1280, 720), (33, 200)])
def test_patches_are_those_of_the_familys_processor(rule, size):
    rgb = picture(*size)
    processor = Qwen2VLImageProcessorPil(
        patch_size=16,
        temporal_patch_size=2,
        merge_size=2,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        size={"shortest_edge": rule.least_px, "longest_edge": rule.most_px},
    )
    theirs = processor([rgb], return_tensors="np")
    patches, grid = rule.patches(rgb)
    assert list(grid) == theirs["image_grid_thw"][0].tolist()
    np.testing.assert_allclose(patches, theirs["pixel_values"], atol=1e-5)
    assert rule.tokens(rgb) == grid[1] * grid[2] // 4


@pytest.mark.parametrize(("rule", "most"), [(TINY, 16), (FULL, 256)])
@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 3), (2048, 1200), (3, 17)])
def test_no_shape_takes_more_tokens_than_its_bound(rule, most, size):
    rgb = picture(*size)
    patches, (_, rows, columns) = rule.patches(rgb)
    assert patches.shape == (rows * columns, 3 * 2 * 16 * 16)
    assert 0 < rule.tokens(rgb) <= most


@pytest.mark.parametrize("size", [(128, 128), (300, 200), (480, 120), (1000, 999), (252, 61), (20, 30)])
def test_a_picture_that_was_brought_to_the_towers_size_stays_as_it_is(size):
    for rule in (TINY, FULL):
        fitted = rule.fitted(picture(*size))
        assert rule.fitted(fitted) is fitted


def test_a_model_has_a_rule_once_it_was_trained_with_crops(parts):
    config = type(parts[0].config).from_dict(parts[0].config.to_dict())
    assert CropRule.of(config) is None
    setattr(config, FIELD, list(AREAS_PX["tiny"]))
    assert CropRule.of(type(config).from_dict(config.to_dict())) == TINY


def test_the_crop_comes_before_the_regions(parts, writer, ask):
    sees = PromptWriter(parts[1], Reads(crops=TINY))
    question = ask("Where?", 1)
    shown = replace(question, crop=picture(256, 256))
    start, end, pad = (parts[1].convert_tokens_to_ids(SPECIAL_TOKENS[index]) for index in (3, 4, 5))
    turn = writer.ids("Where?", 1)
    at = turn.index(parts[1].convert_tokens_to_ids("1"))
    assert sees.prompt(shown) == [*turn[:at], start, *[pad] * 16, end, *turn[at:]]
    assert sees.prompt(question) == writer.prompt(shown) == turn


def test_only_rows_with_a_crop_have_image_placeholders(parts, ask):
    sees = PromptWriter(parts[1], Reads(crops=TINY))
    rows = [ask("Where?", 1), replace(ask("What is it?", 2), crop=picture(256, 256)), ask("How many?", 3)]
    batch = sees.batch([*rows, replace(rows[0], crop=picture(60, 300))])
    assert batch.images is not None
    marked = batch.images.mm_token_type_ids
    assert marked.sum(1).tolist() == [0, 16, 0, sees.crops.tokens(picture(60, 300))]
    assert torch.equal(marked.bool(), batch.input_ids == parts[0].config.image_token_id)
    assert len(batch.images.pixel_values) == 4 * marked.sum()
    assert sees.batch(rows[:1]).images is None
