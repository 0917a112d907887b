"""A job paints on kept good frames, every edit is checked, and the dataset can be trained on."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.line import GOOD, GREY, Line, open_line

from iad_unify.data import layouts
from iad_unify.data.layouts import mvtec
from inspectd.augmentation.runner import AugmentationRunner
from inspectd.records import AugmentationJob, JobState
from inspectd.thresholds.decision import Thresholds
from inspectd.vision.editor import Edit
from inspectd.vision.sight import Sight


class BrushEditor:
    """Paints the mask white, or does nothing at all."""

    def __init__(self, paint: Callable[[Edit], bool] = lambda edit: True) -> None:
        self._paints = paint

    async def paint(self, edit: Edit) -> NDArray[np.uint8]:
        edited = edit.clean.copy()
        if self._paints(edit):
            edited[edit.mask] = 250
        return edited

    async def close(self) -> None:
        return None


def runner(line: Line, folder: Path, editor: BrushEditor) -> AugmentationRunner:
    sight: Sight = line.narrator._sight
    return AugmentationRunner(
        jobs=line.jobs, events=line.events, evidence=line.evidence, editor=editor, sight=sight,
        thresholds=Thresholds(store=line.thresholds), datasets=folder, attempts_per_edit=3, max_pixels=10**7,
        metrics=line.metrics, worker="w", clock=lambda: datetime.now(UTC),
    )  # fmt: skip


async def job_for(line: Line, count: int, camera: str = "cam-1") -> AugmentationJob:
    event, now = await line.defect(1, camera=camera), datetime.now(UTC)
    job = AugmentationJob("job-1", JobState.QUEUED, event.event_id, camera, "scratch", count, 7, now, now)
    return await line.jobs.create(job)


async def test_a_job_writes_a_dataset_whose_every_picture_has_its_origin(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await line.inspect(0, GOOD)
        await job_for(line, 5)
        done = await runner(line, tmp_path / "datasets", BrushEditor()).run_once()
        assert done is not None
        assert (done.state, done.accepted_count, done.refused_count) == (JobState.SUCCEEDED, 5, 0)
        root = Path(done.dataset_uri)
        lines = [json.loads(text) for text in (root / "manifest.jsonl").read_text().splitlines()]
        edits = [entry for entry in lines if entry["defect_type"] == "scratch"]
        assert (len(lines), len(edits)) == (6, 5)
        clean = cv2.imread(str(root / "train/good/0000.png"))
        assert (clean == GREY).all()
        for entry in edits:
            edited, mask = cv2.imread(str(root / entry["image"])), cv2.imread(str(root / entry["mask"]), 0) > 0
            assert (edited[~mask] == clean[~mask]).all()
            assert (edited[mask] != clean[mask]).any()
            assert entry["origin"]["event_id"] == done.event_id
            assert entry["group"] == entry["origin"]["clean_sha256"][:16]
        by_manifest, by_folders, with_others = layouts.read(root), list(mvtec.read(root)), layouts.read(root.parent)
        assert sorted(by_manifest, key=str) == sorted(by_folders, key=str) == sorted(with_others, key=str)
        assert len({sample.group for sample in by_manifest}) == 1


async def test_an_edit_that_the_expert_does_not_find_is_refused(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await line.inspect(0, GOOD)
        await job_for(line, 2)
        done = await runner(line, tmp_path / "datasets", BrushEditor(lambda edit: False)).run_once()
        assert done is not None
        assert (done.state, done.accepted_count, done.refused_count) == (JobState.FAILED, 0, 6)
        assert "none of the edits" in done.failure


async def test_a_camera_without_good_frames_fails_with_a_mend(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await job_for(line, 2)
        done = await runner(line, tmp_path / "datasets", BrushEditor()).run_once()
        assert done is not None
        assert done.state is JobState.FAILED
        assert "good parts" in done.failure


async def test_a_cancelled_job_stops_and_keeps_what_is_written(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await line.inspect(0, GOOD)
        await job_for(line, 50)
        editor = BrushEditor()
        paint = editor.paint

        async def cancel_after_the_first(edit: Edit) -> NDArray[np.uint8]:
            await line.jobs.cancel("job-1")
            return await paint(edit)

        editor.paint = cancel_after_the_first  # type: ignore[method-assign]
        await runner(line, tmp_path / "datasets", editor).run_once()
        stored = await line.jobs.get("job-1")
        assert stored.state is JobState.CANCELLED
        assert len(list((tmp_path / "datasets").rglob("test/scratch/*.png"))) <= 1


async def test_without_a_job_nothing_happens(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        assert await runner(line, tmp_path / "datasets", BrushEditor()).run_once() is None
