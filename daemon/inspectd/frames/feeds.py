"""The addresses of cameras and files as people write them: `folder:DIR`, `video:FILE`, `rtsp://…`, `usb:N`, `simulated`."""

from dataclasses import dataclass, field
from pathlib import Path

from iad_unify.procedural import PRODUCTS
from inspectd.errors import Misconfigured
from inspectd.frames.camera import CameraShots
from inspectd.frames.folder import FolderShots
from inspectd.frames.identity import is_name
from inspectd.frames.labels import Labels
from inspectd.frames.shot import Shots
from inspectd.frames.simulated import SimulatedShots
from inspectd.frames.video import VideoShots
from inspectd.logs import masked
from inspectd.settings import FrameSettings

#: How many cameras `simulated` means.
SIMULATED_CAMERAS = 3
_MEND = "Write folder:DIR, video:FILE, rtsp://HOST/PATH, usb:N or simulated"


@dataclass(frozen=True, slots=True)
class Feed:
    """One camera of a direct source."""

    camera_id: str
    shots: Shots
    rate: float = 0.0  # frames per second; 0 is as fast as they come
    labels: Labels = field(default_factory=Labels)


def open_feeds(settings: FrameSettings, labels: Labels, *, boot: str = "", max_bytes: int = 0) -> list[Feed]:
    """One feed, or several for `simulated`. `max_bytes` bounds what is encoded here. Raises Misconfigured."""
    if boot and not is_name(boot):
        raise Misconfigured("--boot", f"{boot!r} is not letters, digits, '.', '_' or '-'", "Give another name")
    if not is_name(settings.camera):
        raise Misconfigured(
            "frames.camera", f"{settings.camera!r} is no camera id", "Use letters, digits, '.', '_', '-'"
        )
    if settings.source == "simulated":
        return _simulated(settings, labels, boot)
    shots = open_shots(settings.source, loop=settings.loop, rate=settings.rate, boot=boot, max_bytes=max_bytes)
    return [Feed(settings.camera, shots, settings.rate, labels)]


def open_shots(source: str, *, loop: bool = False, rate: float = 0.0, boot: str = "", max_bytes: int = 0) -> Shots:
    """Raises Misconfigured for an address that is none, or a file that is not there."""
    kind, _, place = source.partition(":")
    if kind == "folder" and place:
        return FolderShots(folder=Path(place), loop=loop, boot=boot)
    if kind == "video" and place:
        return VideoShots(file=Path(place), loop=loop, boot=boot, max_bytes=max_bytes)
    if (kind in ("rtsp", "rtsps") and place.startswith("//")) or (kind == "usb" and place.isdecimal()):
        return CameraShots(address=source, rate=rate, boot=boot, max_bytes=max_bytes)
    raise Misconfigured("frames.source", f"{masked(source)!r} is not a source", _MEND)


def _simulated(settings: FrameSettings, labels: Labels, boot: str) -> list[Feed]:
    return [
        Feed(
            f"{settings.camera}-{number}",
            SimulatedShots(product=product, seed=number, boot=boot),
            settings.rate,
            labels,
        )
        for number, product in enumerate(PRODUCTS[:SIMULATED_CAMERAS], start=1)
    ]
