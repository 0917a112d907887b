"""Finds a camera's threshold from pictures of good parts, with the same eyes that later inspect."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from iad_unify.checkpoint import checkpoint_version
from inspectd.errors import Conflict, Misconfigured, Rejected
from inspectd.records import Frame, Threshold
from inspectd.thresholds.conformal import conformal_threshold, expected_alarms_per_hour, least_count
from inspectd.thresholds.sketch import ScoreSketch
from inspectd.thresholds.store import Calibration, ThresholdStore
from inspectd.vision.reference import LEAST_PICTURES, MOST_PICTURES, ReferenceBuilder
from inspectd.vision.sight import Sight

#: Runs of pictures that go to the threshold and to the reference by turns. Pictures of one part mostly follow one another
#: and must not be in both; light and batches change over the whole folder and must be.
RUNS = 8

Named = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the camera's frames shall also be compared with: a memory of good parts, a golden template, or both."""

    builder: ReferenceBuilder
    memory: bool = True
    template: bytes | None = None  # an encoded picture of the same view, without a defect


class Calibrator:
    """Scores good pictures and stores the threshold that keeps false alarms at the chosen rate."""

    def __init__(self, *, sight: Sight, store: ThresholdStore, clock: Callable[[], datetime]) -> None:
        self._sight, self._store, self._clock = sight, store, clock

    async def calibrate(
        self,
        camera_id: str,
        images: Sequence[bytes],
        rate: float,
        frames_per_hour: float,
        progress: Callable[[int, int], None],
        comparison: Comparison | None = None,
        names: Sequence[str] = (),
    ) -> tuple[Threshold, float]:
        """The stored threshold, and the alarms per hour to expect on good parts. A refused picture is told by its name.

        With a comparison about half of the pictures build the memory, or give the template its scale, and the others,
        compared with it as every later frame is, set the threshold. Raises Rejected (a picture is bad or of another size
        than the template, the rate is not in 0..1), Conflict (too few pictures for the rate), Misconfigured (it is built
        with another model than the served one), CalibrateAgain (the served expert cannot use it), Unavailable.
        """
        called = names or [f"picture {number}" for number in range(1, len(images) + 1)]
        scored, reference = list(zip(called, images, strict=True)), ""
        if comparison is None:
            conformal_threshold([0.0] * len(images), rate)  # refuses before any work is done
        else:
            scored, remembered = split(scored, rate)
            reference = await self._build(camera_id, comparison, remembered)
        scores = []
        for done, (name, data) in enumerate(scored, 1):
            with _named(name):
                sighting = await self._sight.look(data, Frame.digest(data), camera_id, None, reference)
            scores.append(sighting.findings.image_score)
            progress(done, len(scored))
        card = await self._sight.card(camera_id)
        calibration = Calibration(
            camera_id=camera_id,
            model_version=card.model_version,
            threshold=conformal_threshold(scores, rate),
            false_alarm_rate=rate,
            good_count=len(scores),
            create_time=self._clock(),
            reference_version=reference,
            scores=ScoreSketch.of(scores),
        )
        return await self._store.put(calibration), expected_alarms_per_hour(rate, frames_per_hour)

    async def _build(self, camera_id: str, comparison: Comparison, remembered: Sequence[Named]) -> str:
        built_with = await comparison.builder.model_version()
        served = checkpoint_version((await self._sight.card(camera_id)).model_version)
        if served != built_with:
            raise Misconfigured(
                "vision.expert_checkpoint",
                f"a reference would be built with model {built_with}, and {served} is served",
                "Name the checkpoint folder that is served, or calibrate without a memory and a template",
            )
        template = None
        if comparison.template is not None:
            with _named("the template", "template"):
                template = await self._sight.decode(comparison.template, camera_id)
        pictures = []
        for name, data in remembered:
            with _named(name):
                picture = await self._sight.decode(data, camera_id)
                if template is not None and (picture.width, picture.height) != (template.width, template.height):
                    sizes = f"{picture.width}x{picture.height}, and the template {template.width}x{template.height}"
                    raise Rejected("another_size", f"it is {sizes}")
            pictures.append(picture)
        return await comparison.builder.build(pictures, memory=comparison.memory, template=template)


def least_with_reference(rate: float) -> int:
    """How many good pictures a threshold and a reference take together; raises Rejected for a rate outside 0..1."""
    return 2 * max(least_count(rate), LEAST_PICTURES)


def split(pictures: Sequence[Named], rate: float) -> tuple[list[Named], list[Named]]:
    """The pictures that set the threshold, at least half of them, and those that build the reference.

    Both are chosen without looking at them, so a later good frame is exchangeable with the first ones (see `conformal`).
    Raises Conflict when too few remain for the rate or for a reference, Rejected for a rate outside 0..1.
    """
    count, least = len(pictures), least_count(rate)
    odd = [index * RUNS // count % 2 == 1 for index in range(count)]
    scored = [picture for picture, is_odd in zip(pictures, odd, strict=True) if not is_odd]
    remembered = [picture for picture, is_odd in zip(pictures, odd, strict=True) if is_odd]
    if len(scored) < least or len(remembered) < LEAST_PICTURES:
        raise Conflict(
            f"of {count} good frames {len(remembered)} would build the reference and {len(scored)} set the threshold: a rate "
            f"of {rate:g} takes {least} and a reference {LEAST_PICTURES}, so give {least_with_reference(rate)} or more, "
            f"choose a higher rate, or leave the reference out"
        )
    step = -(-len(remembered) // MOST_PICTURES)
    return scored, remembered[::step]


@contextmanager
def _named(picture: str, field: str = "good_images") -> Iterator[None]:
    """Says which picture was refused."""
    try:
        yield
    except Rejected as error:
        raise Rejected(error.reason, f"{picture}: {error.detail}", field=field) from error
