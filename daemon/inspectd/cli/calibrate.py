"""`inspectd calibrate`: a camera's threshold from pictures of good parts."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from inspectd.cli.run import ConfigOption, StateDirOption
from inspectd.errors import Misconfigured
from inspectd.settings import Settings, load_settings

SUFFIXES = {".jpg", ".jpeg", ".png"}


def calibrate(
    camera: Annotated[str, typer.Option(help="The camera's id.")],
    good: Annotated[Path, typer.Option(help="Folder with pictures of good parts (JPEG or PNG, searched in depth).")],
    false_alarm_rate: Annotated[float, typer.Option(help="Share of good parts that may be called defective.")] = 0.01,
    frames_per_hour: Annotated[float, typer.Option(help="To tell how many alarms to expect.")] = 3600.0,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Sets a camera's decision threshold from good parts only, by split conformal prediction.

    The threshold is stored for the model that is served now; a running daemon on the same database takes it up within
    seconds. A rate that the number of pictures cannot support is refused.

    Examples:
      inspectd calibrate --camera cam-1 --good good-parts/

      inspectd calibrate --camera cam-1 --good good-parts/ --false-alarm-rate 0.05 --frames-per-hour 7200

    """
    settings = load_settings(config, **({"state_dir": state_dir} if state_dir else {}))
    pictures = sorted(path for path in good.rglob("*") if path.suffix.lower() in SUFFIXES) if good.is_dir() else []
    if not pictures:
        raise Misconfigured(
            "--good", f"{good} holds no JPEG or PNG picture", "Give a folder with pictures of good parts"
        )
    asyncio.run(_calibrate(settings, camera, pictures, false_alarm_rate, frames_per_hour))


async def _calibrate(settings: Settings, camera: str, pictures: list[Path], rate: float, per_hour: float) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from inspectd.frames.identity import check_camera_id
    from inspectd.metrics import Metrics
    from inspectd.thresholds.calibrator import Calibrator
    from inspectd.tokens.memory import MemoryTokenCache
    from inspectd.vision.sight import Sight
    from inspectd.wiring import now, open_models, open_state

    check_camera_id(camera)
    console = Console(stderr=True)
    async with AsyncExitStack() as stack:
        state = await open_state(settings, stack)
        models = await open_models(settings.model_copy(update={"explanations": _silent(settings)}), stack)
        tokens = MemoryTokenCache(max_entries=1, ttl_s=60)
        sight = Sight(expert=models.expert, tokens=tokens, max_pixels=settings.frames.max_pixels, metrics=Metrics())
        calibrator = Calibrator(sight=sight, store=state.thresholds, clock=now)
        with Progress(console=console) as progress:
            task = progress.add_task("scoring good parts", total=len(pictures))
            images = [path.read_bytes() for path in pictures]
            threshold, alarms = await calibrator.calibrate(
                camera, images, rate, per_hour, lambda done, total: progress.update(task, completed=done)
            )
    print(
        f"{camera}: threshold {threshold.value:.6g} ({threshold.version}) from {len(pictures)} good parts at a false-alarm "
        f"rate of {rate:g}; expect up to {alarms:.1f} false alarms per hour at {per_hour:g} frames per hour"
    )


def _silent(settings: Settings) -> object:
    """Calibration needs no words, so the explainer is not started."""
    return settings.explanations.model_copy(update={"enabled": False})
