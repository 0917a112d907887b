"""Records for the conformance suites: whole, with every field set to something of its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspectd.frames.source import FrameRecord
from inspectd.records import (
    AugmentationJob,
    DefectEvent,
    Findings,
    Frame,
    Inspection,
    JobState,
    Mask,
    Outcome,
    Picture,
    Region,
    RegionTokens,
    event_id_of,
)

START = datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)


def region(number: int = 1) -> Region:
    return Region(
        number=number,
        box=(1.5, 2.25, 10.0, 4.0),
        mask=Mask(64, 48, "PP1O0"),
        score=0.1 + 0.7 / number,
        area_px=37,
        cell="top_left",
        type_probabilities={"scratch": 0.75, "crack": 0.25},
    )


def event(index: int = 0, *, camera: str = "press-1", **changes: Any) -> DefectEvent:
    frame_id = f"{camera}/boot/{index}"
    time = START + timedelta(seconds=index)
    whole = DefectEvent(
        event_id=event_id_of(frame_id),
        revision=1,
        frame_id=frame_id,
        camera_id=camera,
        score=0.8,
        threshold=0.5,
        threshold_version="calibrated/3",
        model_version="aaaaaaaaaaaa",
        regions=(region(1), region(2)),
        picture=Picture(Frame.digest(frame_id.encode()), "image/jpeg", 640, 480),
        capture_time=time,
        raise_time=time + timedelta(milliseconds=40),
        update_time=time + timedelta(milliseconds=40),
        part_id=f"part-{index}",
        lot="Lös 7",
        recipe="r",
        view="top",
        attributes={"line": "4"},
    )
    return replace(whole, **changes)


def inspection(
    index: int = 0, outcome: Outcome = Outcome.PASS, *, camera: str = "press-1", **changes: Any
) -> Inspection:
    time = START + timedelta(seconds=index)
    whole = Inspection(
        frame_id=f"{camera}/boot/{index}",
        camera_id=camera,
        outcome=outcome,
        inspect_time=time + timedelta(milliseconds=30),
        capture_time=time,
        score=0.1 + 0.2,
        threshold=1 / 3,
        threshold_version="default/aaaaaaaaaaaa",
        model_version="aaaaaaaaaaaa",
        part_id=f"part-{index}",
        lot="lot",
        event_id="e" if outcome is Outcome.DEFECT else "",
        reason="truncated" if outcome is Outcome.REJECTED else "",
    )
    return replace(whole, **changes)


def job(index: int = 0, **changes: Any) -> AugmentationJob:
    time = START + timedelta(seconds=index)
    whole = AugmentationJob(
        job_id=f"job-{index}",
        state=JobState.QUEUED,
        event_id="e",
        camera_id="press-1",
        defect_type="scratch",
        requested_count=4,
        seed=-7,
        create_time=time,
        update_time=time,
    )
    return replace(whole, **changes)


def findings(regions: int = 2, *, dimension: int = 8, seed: int = 0, described: bool = False) -> Findings:
    """Numbers of every kind: subnormal and infinite ones among the halves; `described`, with a reference's rows."""
    rng = np.random.default_rng(seed)
    appearance = rng.standard_normal((regions, 2, dimension)).astype(np.float16)
    if regions:
        appearance.flat[:4] = [np.float16(6e-8), np.float16(-0.0), np.float16(65504), np.float16("inf")]
    geometry = rng.random((regions, 5), dtype=np.float32)
    tokens = RegionTokens(appearance, geometry, appearance[:, ::-1].copy() if described else None)
    score = float(np.float32(0.1)) if regions else 0.0
    return Findings(score, tuple(region(number + 1) for number in range(regions)), tokens, "aaaaaaaaaaaa")


def equal(one: Findings, other: Findings) -> bool:
    """Bit for bit: -0.0 is not 0.0 here."""
    return (
        (one.image_score, one.regions, one.model_version) == (other.image_score, other.regions, other.model_version)
        and one.tokens.appearance.dtype == other.tokens.appearance.dtype
        and one.tokens.appearance.shape == other.tokens.appearance.shape
        and one.tokens.appearance.tobytes() == other.tokens.appearance.tobytes()
        and one.tokens.geometry.dtype == other.tokens.geometry.dtype
        and one.tokens.geometry.shape == other.tokens.geometry.shape
        and one.tokens.geometry.tobytes() == other.tokens.geometry.tobytes()
        and _bits(one.tokens.reference) == _bits(other.tokens.reference)
    )


def _bits(rows: NDArray[np.float16] | None) -> tuple[object, ...] | None:
    return None if rows is None else (rows.dtype, rows.shape, rows.tobytes())


def record(**changes: Any) -> FrameRecord:
    whole = FrameRecord(
        key=b"press-1\xff",
        value=b"\x89PNG\r\n\x1a\n\n\nnot really",
        headers=(("ce_id", b"boot/7"), ("ce_id", b"twice"), ("empty", b"")),
        timestamp=START,
        topic="inspectd.frames",
        partition=3,
        offset=41,
    )
    return replace(whole, **changes)
