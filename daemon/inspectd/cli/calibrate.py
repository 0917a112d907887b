"""`inspectd calibrate`: a camera's threshold from pictures of good parts, from reviews, or from an older version."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from inspectd.cli.run import ConfigOption, StateDirOption
from inspectd.errors import Misconfigured
from inspectd.settings import Settings, load_settings

SUFFIXES = {".jpg", ".jpeg", ".png"}
#: Frames per hour when pictures alone cannot tell.
USUAL_FRAMES_PER_HOUR = 3600.0


def calibrate(
    camera: Annotated[str, typer.Option(help="The camera's id.")],
    good: Annotated[
        Path | None, typer.Option(help="Folder with pictures of good parts (JPEG or PNG, searched in depth).")
    ] = None,
    memory: Annotated[
        bool | None,
        typer.Option(
            "--memory/--no-memory",
            help="With --good: also remember what good parts look like, and compare every later frame with it. Takes "
            "twice the pictures and torch. Without either, it is done where there are enough of both, and no --template.",
        ),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --good: a picture without a defect, of the same view and size (boards, labels), that every later frame "
            "is also compared with. Takes twice the pictures and torch; with --memory, both.",
        ),
    ] = None,
    from_reviews: Annotated[
        bool, typer.Option("--from-reviews", help="Use the frames that passed and the events that were rejected.")
    ] = False,
    restore: Annotated[
        str, typer.Option(metavar="VERSION", help="Put an older version in force again, such as calibrated/7.")
    ] = "",
    history: Annotated[bool, typer.Option("--history", help="List the camera's versions, newest first.")] = False,
    false_alarm_rate: Annotated[
        float, typer.Option("--false-alarm-rate", "--rate", help="Share of good parts that may be called defective.")
    ] = 0.01,
    frames_per_hour: Annotated[
        float | None,
        typer.Option(help="To tell how many alarms to expect [default: 3600; with --from-reviews as it was]."),
    ] = None,
    days: Annotated[float, typer.Option(min=0.0, help="With --from-reviews: how far to look back.")] = 7.0,
    since: Annotated[
        datetime | None, typer.Option(help="With --from-reviews: look back to this moment of this machine's clock.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --from-reviews: show the change, store nothing.")] = (
        False
    ),
    accept_misses: Annotated[
        bool, typer.Option("--accept-misses", help="Store it although confirmed defects would pass.")
    ] = False,
    accept_pending: Annotated[
        bool, typer.Option("--accept-pending", help="Store it although many events are not decided.")
    ] = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Sets a camera's decision threshold by split conformal prediction, and keeps every version of it.

    With --good it comes from pictures of good parts, for the model that is served now. With --from-reviews it comes from
    what the line has seen: frames that passed and events that were rejected are good, events without a decision are left
    out, and no confirmed defect may pass. Give one of --good, --from-reviews, --restore and --history. A running daemon on the
    same database takes the threshold up within seconds. A rate that the number of frames cannot support is refused.

    About half of the pictures are remembered and the others set the threshold; with --template that half says how far good
    parts are from the template. Both lie in the folder of the setting vision.references, belong to this version of the
    threshold and of the model, and come back with --restore.

    Examples:
      inspectd calibrate --camera cam-1 --good good-parts/

      inspectd calibrate --camera cam-1 --good good-parts/ --no-memory

      inspectd calibrate --camera cam-1 --good good-parts/ --template golden.png

      inspectd calibrate --camera cam-1 --good good-parts/ --false-alarm-rate 0.05 --frames-per-hour 7200

      inspectd calibrate --camera cam-1 --from-reviews --days 14 --rate 0.005 --dry-run

      inspectd calibrate --camera cam-1 --restore calibrated/7

    """
    settings = load_settings(config, **({"state_dir": state_dir} if state_dir else {}))
    if sum((good is not None, from_reviews, bool(restore), history)) != 1:
        raise Misconfigured(
            "calibrate", "it is not clear where the threshold shall come from",
            "Give one of --good, --from-reviews, --restore and --history",
        )  # fmt: skip
    if memory is not None and good is None:
        raise Misconfigured("--memory", "a memory is built from pictures", "Give --good with it")
    if template is not None and good is None:
        raise Misconfigured("--template", "how far good parts are from it is not known", "Give --good with it")
    if template is not None and not template.is_file():
        raise Misconfigured("--template", f"{template} is not a file", "Give a JPEG or PNG picture without a defect")
    if good is not None:
        per_hour = USUAL_FRAMES_PER_HOUR if frames_per_hour is None else frames_per_hour
        pictures, golden = _pictures(good), None
        if template is not None:
            golden = template.read_bytes()
            # a picture compared with itself would say that good parts differ by nothing
            pictures = [path for path in pictures if path.resolve() != template.resolve()]
        if memory is None:
            memory = golden is None and _may_remember(len(pictures), false_alarm_rate)
        asyncio.run(_calibrate(settings, camera, pictures, false_alarm_rate, per_hour, memory, golden))
        return
    from inspectd.cli import recalibration

    if from_reviews:
        wanted = recalibration.Wanted(
            camera=camera,
            since=(since or datetime.now() - timedelta(days=days)).astimezone(),
            rate=false_alarm_rate,
            frames_per_hour=frames_per_hour,
            dry_run=dry_run,
            accept_misses=accept_misses,
            accept_pending=accept_pending,
        )
        asyncio.run(recalibration.from_reviews(settings, wanted))
    elif restore:
        asyncio.run(recalibration.restore(settings, camera, restore))
    else:
        asyncio.run(recalibration.show_history(settings, camera))


def _pictures(good: Path) -> list[Path]:
    found = sorted(path for path in good.rglob("*") if path.suffix.lower() in SUFFIXES) if good.is_dir() else []
    if not found:
        raise Misconfigured(
            "--good", f"{good} holds no JPEG or PNG picture", "Give a folder with pictures of good parts"
        )
    return found


def _may_remember(count: int, rate: float) -> bool:
    """Whether so many pictures are enough for a memory beside a threshold, and torch is there; says so when not."""
    from inspectd.thresholds.calibrator import least_with_reference

    least = least_with_reference(rate)
    if count < least:
        print(
            f"good parts are not remembered: that takes {least} pictures at a rate of {rate:g}, and there are {count}"
        )
        return False
    if find_spec("torch") is None:
        print("good parts are not remembered: that takes torch (pip install 'inspectd[models]')")
        return False
    return True


async def _calibrate(
    settings: Settings,
    camera: str,
    pictures: list[Path],
    rate: float,
    per_hour: float,
    memory: bool,
    template: bytes | None,
) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from inspectd.frames.identity import check_camera_id
    from inspectd.metrics import Metrics
    from inspectd.thresholds.calibrator import Calibrator, Comparison
    from inspectd.tokens.memory import MemoryTokenCache
    from inspectd.wiring import first_look, now, open_models, open_reference_builder, open_sight, open_state

    check_camera_id(camera)
    compared = memory or template is not None
    console = Console(stderr=True)
    async with AsyncExitStack() as stack:
        state = await open_state(settings, stack)
        models = await open_models(settings.model_copy(update={"explanations": _silent(settings)}), stack)
        sight = open_sight(settings, models, MemoryTokenCache(max_entries=1, ttl_s=60), Metrics())
        await first_look(settings, sight)
        calibrator = Calibrator(sight=sight, store=state.thresholds, clock=now)
        comparison = None
        if compared:
            comparison = Comparison(open_reference_builder(settings, stack), memory, template)
        with Progress(console=console) as progress:
            task = progress.add_task("scoring good parts", total=None if compared else len(pictures))
            images = [path.read_bytes() for path in pictures]
            threshold, alarms = await calibrator.calibrate(
                camera,
                images,
                rate,
                per_hour,
                lambda done, total: progress.update(task, completed=done, total=total),
                comparison,
                [str(path) for path in pictures],
            )
        count = (await state.thresholds.get(threshold.version)).calibration.good_count
    reference = f" and reference {threshold.reference_version}" if compared else ""
    print(
        f"{camera}: threshold {threshold.value:.6g} ({threshold.version}){reference} from {count} good parts at a false-alarm "
        f"rate of {rate:g}; expect up to {alarms:.1f} false alarms per hour at {per_hour:g} frames per hour"
    )


def _silent(settings: Settings) -> object:
    """Calibration needs no words, so the explainer is not started."""
    return settings.explanations.model_copy(update={"enabled": False})
