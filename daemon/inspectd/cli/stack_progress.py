"""The progress of `inspectd stack`, on standard error: a live line per service on a terminal, plain lines elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

#: Words after which nothing more happens to a service.
LAST_WORDS = frozenset({"ready", "already running", "stopped", "was not running"})


class StackProgress:
    """Called with a service's name and what it is doing."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._begin = time.monotonic()
        self._words: dict[str, str] = {}
        self._tasks: dict[str, TaskID] = {}
        self._live = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.fields[service]:10}"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
        )

    def __enter__(self) -> "StackProgress":
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()

    def __call__(self, service: str, word: str) -> None:
        """A service's new word; the same word again is not repeated."""
        if self._quiet or self._words.get(service) == word:
            return
        self._words[service] = word
        if not self._is_live:
            elapsed_s = time.monotonic() - self._begin
            self._console.print(f"{elapsed_s:6.1f} s  {service:10} {word}", soft_wrap=True, markup=False)
            return
        if service not in self._tasks:
            self._tasks[service] = self._live.add_task(word, total=1, service=service)
        done = 1 if word in LAST_WORDS else 0
        self._live.update(self._tasks[service], description=word, completed=done)

    @property
    def _is_live(self) -> bool:
        return self._console.is_terminal and not self._quiet
