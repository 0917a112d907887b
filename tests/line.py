"""A small inspection line for tests: every store and service is the real one; only the models are made of plain arithmetic.

The pictures are flat grey with spots, the expert finds what is not grey, and the explainer counts the regions. So every
verdict and every word is known beforehand, and no weights are needed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify import masks
from iad_unify.catalog import APPEARANCE_ROWS, EXPERT_SIZE
from iad_unify.checkpoint import at_square
from iad_unify.geometry import Letterbox, cell_of_mask
from inspectd.api.directory import CameraDirectory
from inspectd.api.server import ApiServer
from inspectd.augmentation.sql import SqlJobStore
from inspectd.confirmed.keeper import ConfirmedKeeper
from inspectd.confirmed.recall import ConfirmedRecall
from inspectd.confirmed.sql import SqlConfirmedStore
from inspectd.dashboard.server import Dashboard
from inspectd.database.engine import open_database
from inspectd.errors import CalibrateAgain, TooLate, Unavailable
from inspectd.events.feed import ChangeFeed
from inspectd.events.sql import SqlEventStore
from inspectd.evidence.files import FileEvidenceStore
from inspectd.evidence.goodframes import GoodFrameKeeper
from inspectd.explanations.narrator import Narrator
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.metrics import Metrics
from inspectd.pipeline import Inspector
from inspectd.records import DefectEvent, Findings, Frame, Image, Mask, Region, RegionTokens
from inspectd.settings import ApiSettings, ConfirmedSettings, DashboardSettings, DriftSettings, EvidenceSettings
from inspectd.thresholds.calibrator import Calibrator
from inspectd.thresholds.decision import Thresholds
from inspectd.thresholds.recalibrator import Recalibrator
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.sql_scores import SqlScoreHistory
from inspectd.thresholds.watch import DriftWatch
from inspectd.tokens.memory import MemoryTokenCache
from inspectd.vision.expert import ExpertCard
from inspectd.vision.explainer import Piece, Question
from inspectd.vision.sight import Sight

GREY = 128
MODEL = "0123456789ab"


def picture(*spots: tuple[int, int, int, int, int], width: int = 320, height: int = 240, shade: int = GREY) -> bytes:
    """A PNG: flat grey with rectangles (x, y, width, height, shade)."""
    pixels = np.full((height, width, 3), shade, np.uint8)
    for x, y, w, h, spot_shade in spots:
        pixels[y : y + h, x : x + w] = spot_shade
    return bytes(cv2.imencode(".png", pixels)[1])


BAD = picture((40, 30, 60, 12, 250))  # a scratch at the top left
GOOD = picture()


class SpotExpert:
    """Finds what is not grey; the score is how far from grey it is."""

    def __init__(self) -> None:
        self.away = False
        self.model = MODEL  # the version that is served
        self.looks = 0
        self.described = 0  # looks for which the reference's rows were asked for
        self.memories: set[str] = set()  # that it can use
        self.references: list[str] = []  # that it was asked with
        self.sides: list[int] = []  # of the squares that it was shown

    async def describe(self, side: int = EXPERT_SIZE) -> ExpertCard:
        self._check()
        return ExpertCard(at_square(self.model, side, EXPERT_SIZE), default_threshold=0.5, proposal_threshold=0.2)

    async def find_regions(
        self, image: Image, proposal: float = 0.0, reference: str = "", *, describe_reference: bool = False
    ) -> Findings:
        self._check()
        if reference and reference not in self.memories:
            raise CalibrateAgain(f"{reference} is not there; calibrate again with good parts")
        self.looks += 1
        self.described += describe_reference
        self.references.append(reference)
        self.sides.append(image.pixels.shape[0])
        box = Letterbox.from_array(image.letterbox, image.pixels.shape[0])
        x, y, width, height = box.inner
        inner = cv2.resize(image.pixels[y : y + height, x : x + width], (image.width, image.height), interpolation=0)
        strangeness = np.abs(inner[..., 0].astype(np.float32) - GREY) / 127
        count, labels = cv2.connectedComponents((strangeness >= max(proposal, 0.2)).astype(np.uint8))
        found = [region_of(labels == label, float(strangeness[labels == label].max())) for label in range(1, count)]
        found.sort(key=lambda region: -region.score)
        regions = tuple(replace(region, number=number) for number, region in enumerate(found, 1))
        geometry = np.array([_geometry(region) for region in regions], np.float32).reshape(len(regions), 5)
        appearance = np.array([_appearance(inner, region) for region in regions], np.float16)
        rows = appearance.reshape(len(regions), APPEARANCE_ROWS, 8)
        tokens = RegionTokens(rows, geometry, np.zeros_like(rows) if reference and describe_reference else None)
        version = at_square(self.model, image.pixels.shape[0], EXPERT_SIZE)
        return Findings(float(strangeness.max()), regions, tokens, version)

    async def close(self) -> None:
        return None

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the region expert is away")


def region_of(mask: NDArray[np.bool_], score: float, defect_type: str = "", number: int = 1) -> Region:
    """A region of a mask [H, W]; long ones are scratches, others are stains."""
    rle = masks.encode(mask)
    x, y, width, height = masks.bounding_box(rle)
    slug = defect_type or ("scratch" if max(width, height) > 2 * min(width, height) else "stain")
    other = "dent" if slug != "dent" else "stain"
    return Region(
        number=number,
        box=(float(x), float(y), float(width), float(height)),
        mask=Mask(rle.width, rle.height, rle.counts),
        score=score,
        area_px=int(mask.sum()),
        cell=cell_of_mask(mask)[0],
        type_probabilities={slug: 0.9, other: 0.1},
    )


def _appearance(pixels: NDArray[np.uint8], region: Region) -> NDArray[np.float32]:
    """Rows [K, 8] that point one way for bright regions and another for dark ones, whatever their shape."""
    (x, y, w, h), rows = region.box, np.zeros((APPEARANCE_ROWS, 8), np.float32)
    rows[:, 0 if pixels[int(y + h / 2), int(x + w / 2), 0] > GREY else 1] = 1.0
    return rows


def _geometry(region: Region) -> tuple[float, float, float, float, float]:
    (x, y, w, h), (width, height) = region.box, (region.mask.width, region.mask.height)
    return ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height, region.area_px / (width * height))


class CountingExplainer:
    """Says how many regions there are; asked to lie, it says one more. It keeps to deadlines."""

    def __init__(self) -> None:
        self.away = False
        self.late = False  # whatever the time
        self.thinks_s = 0.0
        self.asked: list[Question] = []

    async def answer(self, question: Question) -> AsyncIterator[Piece]:
        if self.away:
            raise Unavailable("the explainer is away")
        self.asked.append(question)
        await asyncio.sleep(self.thinks_s)
        if self.late or question.is_late:
            raise TooLate("the request is past its deadline")
        count = len(question.tokens.geometry) + (1 if "lie" in question.text else 0)
        for piece in ("There ", "is 1 region." if count == 1 else f"are {count} regions."):
            yield Piece(piece, "explainer-1")

    async def close(self) -> None:
        return None


class Switch:
    """Readiness that a test sets."""

    def __init__(self) -> None:
        self.parts = {"frames": True, "tokens": True, "region_expert": True}
        self.alive = True

    def report(self) -> dict[str, bool]:
        return dict(self.parts)

    def live(self) -> bool:
        return self.alive


class _Announced:
    async def wait_published(self, sequence: int) -> None:
        return None


@dataclass
class Line:
    """Everything between a frame and an event, and the servers on request."""

    events: SqlEventStore
    evidence: FileEvidenceStore
    ledger: SqlInspectionLedger
    jobs: SqlJobStore
    thresholds: SqlThresholdStore
    expert: SpotExpert
    explainer: CountingExplainer
    inspector: Inspector
    narrator: Narrator
    calibrator: Calibrator
    recalibrator: Recalibrator
    watch: DriftWatch
    directory: CameraDirectory
    feed: ChangeFeed
    confirmed: SqlConfirmedStore
    keeper: ConfirmedKeeper
    readiness: Switch
    metrics: Metrics
    squares: dict[str, int]  # of cameras with another one than the usual
    exits: AsyncExitStack

    async def api(self, settings: ApiSettings | None = None, heartbeat_s: float = 0.3) -> ApiServer:
        """A gRPC server on a free loopback port, unless told otherwise."""
        server = ApiServer(
            settings=settings or ApiSettings(port=0), events=self.events, evidence=self.evidence, ledger=self.ledger,
            jobs=self.jobs, inspector=self.inspector, narrator=self.narrator, calibrator=self.calibrator,
            recalibrator=self.recalibrator, directory=self.directory, feed=self.feed, readiness=self.readiness,
            max_image_bytes=1 << 20, heartbeat_s=heartbeat_s,
        )  # fmt: skip
        self.exits.push_async_callback(server.stop)
        await server.start()
        return server

    async def dashboard(self, settings: DashboardSettings | None = None) -> Dashboard:
        """A dashboard on a free loopback port, unless told otherwise."""
        server = Dashboard(
            settings=settings or DashboardSettings(port=0), events=self.events, evidence=self.evidence,
            narrator=self.narrator, directory=self.directory, feed=self.feed, readiness=self.readiness,
            metrics=self.metrics,
        )  # fmt: skip
        self.exits.push_async_callback(server.stop)
        await server.start()
        return server

    async def inspect(self, number: int, data: bytes = BAD, camera: str = "cam-1") -> DefectEvent | None:
        """A frame of a camera goes its whole way."""
        taken = datetime(2025, 3, 1, tzinfo=UTC) + timedelta(seconds=number)
        frame = Frame(
            f"{camera}/boot/{number}", camera, data, "image/png", Frame.digest(data), taken, f"P-{number}", "L-1"
        )
        return (await self.inspector.inspect(frame, record=True)).event

    async def defect(self, number: int, data: bytes = BAD, camera: str = "cam-1") -> DefectEvent:
        """A frame that is known to be defective goes its whole way."""
        event = await self.inspect(number, data, camera)
        assert event is not None
        return event


@contextlib.asynccontextmanager
async def open_line(
    folder: Path, language: str = "en", least_type_confidence: float = 0.0, *, describe_reference: bool = False
) -> AsyncIterator[Line]:
    """A line whose state is under `folder` and whose alerts are in `language`.

    Its `keeper` does not run by itself: a test calls `catch_up` or `settle`.
    """
    async with AsyncExitStack() as exits:
        database = await open_database(f"sqlite:///{folder / 'line.db'}")
        exits.push_async_callback(database.close)
        kept = EvidenceSettings()
        events, ledger = SqlEventStore(database=database, outbox=False), SqlInspectionLedger(database=database)
        thresholds, evidence = (
            SqlThresholdStore(database=database),
            FileEvidenceStore(uri=str(folder / "e"), settings=kept),
        )
        await evidence.open()
        exits.push_async_callback(evidence.close)
        exits.push_async_callback(ledger.close)
        expert, explainer, metrics = SpotExpert(), CountingExplainer(), Metrics()
        tokens = MemoryTokenCache(max_entries=1000, ttl_s=3600)
        squares = dict[str, int]()
        sight = Sight(
            expert=expert, tokens=tokens, max_pixels=50_000_000, metrics=metrics,
            square_of=lambda camera: squares.get(camera, EXPERT_SIZE), describe_reference=describe_reference,
        )  # fmt: skip
        resolve = Thresholds(store=thresholds)
        history = SqlScoreHistory(database=database)
        watch = DriftWatch(
            store=thresholds, history=history, cards=sight, settings=DriftSettings(least_frames=20), metrics=metrics,
            clock=lambda: datetime.now(UTC),
        )  # fmt: skip
        confirmed = SqlConfirmedStore(database=database)
        recall = ConfirmedRecall(store=confirmed, settings=ConfirmedSettings(), least_confidence=least_type_confidence)
        feed = ChangeFeed(events=events, poll_s=0.02)
        await feed.start()
        exits.push_async_callback(feed.stop)
        yield Line(
            events=events,
            evidence=evidence,
            ledger=ledger,
            jobs=SqlJobStore(database=database),
            thresholds=thresholds,
            expert=expert,
            explainer=explainer,
            inspector=Inspector(
                sight=sight, thresholds=resolve, evidence=evidence, events=events, outbox=_Announced(), ledger=ledger,
                good_frames=GoodFrameKeeper(evidence=evidence, settings=kept), on_event=lambda event: None,
                clock=lambda: datetime.now(UTC),
            ),
            narrator=Narrator(
                explainer=explainer, sight=sight, thresholds=resolve, evidence=evidence, events=events,
                recall=recall, language=language, least_type_confidence=least_type_confidence,
            ),
            calibrator=Calibrator(sight=sight, store=thresholds, clock=lambda: datetime.now(UTC)),
            recalibrator=Recalibrator(history=history, store=thresholds, clock=lambda: datetime.now(UTC)),
            watch=watch,
            directory=CameraDirectory(
                ledger=ledger, store=thresholds, thresholds=resolve, cards=sight, drifts=watch
            ),
            feed=feed,
            confirmed=confirmed,
            keeper=ConfirmedKeeper(
                events=events, store=confirmed, feed=feed, sight=sight, thresholds=resolve, evidence=evidence, most=100
            ),
            readiness=Switch(),
            metrics=metrics,
            squares=squares,
            exits=exits,
        )  # fmt: skip
