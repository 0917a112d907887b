"""What the long commands share: a bar or a log line, an end by Ctrl-C or SIGTERM that loses nothing, threads."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

#: Moves a bar: (units done, note).
Advance = Callable[[float, str], None]

#: In a log, where nobody watches, a line comes this often, seconds.
_LOG_EVERY_S = 30.0


@contextmanager
def bar(console: "Console", title: str, total: float) -> Iterator[Advance]:
    """A bar with the time left on a terminal, a line every half minute in a log."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    logged = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal, speed_estimate_period=120) as progress:
        task = progress.add_task(title, total=total, note="")

        def advance(done: float, note: str) -> None:
            nonlocal logged
            progress.update(task, completed=done, note=note)
            if not console.is_terminal and time.monotonic() - logged > _LOG_EVERY_S:
                console.print(f"{title}: {100 * done / total:.0f} % {note}")
                logged = time.monotonic()

        yield advance


def to_its_end(work: Callable[[], None]) -> bool:
    """Runs `work`: True when it ended by itself, False when Ctrl-C or SIGTERM ended it (as KeyboardInterrupt)."""
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        work()
        return True
    except KeyboardInterrupt:
        return False
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def checked_device(name: str) -> str:
    """The name, as an option's callback: BadParameter where torch has no such device, before any time is spent."""
    import torch
    import typer

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise typer.BadParameter(f"{name}: {str(error).splitlines()[0]}; cpu always works") from error
    return name


def limit_threads(threads: int) -> None:
    """Of torch and OpenCV in this process."""
    import cv2
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
