"""The command line, a file per command. A command imports what it needs when it runs, so that --help is quick."""

from typing import Annotated

import typer

from inspectd import __version__
from inspectd.cli.ask import ask
from inspectd.cli.augment import app as augment
from inspectd.cli.calibrate import calibrate
from inspectd.cli.cameras import cameras
from inspectd.cli.dead_letters import app as dead_letters
from inspectd.cli.demo import demo
from inspectd.cli.events import events
from inspectd.cli.inspect import inspect
from inspectd.cli.publish import publish
from inspectd.cli.review import review
from inspectd.cli.run import run
from inspectd.cli.stack import app as stack
from inspectd.cli.topics import app as topics

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"inspectd {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Watches production lines: frames in, explained defect events out."""


for command in (demo, run, calibrate, publish, inspect, events, ask, review, cameras):
    app.command()(command)
app.add_typer(augment, name="augment")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(stack, name="stack")
app.add_typer(topics, name="topics")
