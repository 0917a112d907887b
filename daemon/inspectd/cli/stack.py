"""`inspectd stack`: Kafka, Redis, Triton and PostgreSQL on a machine without Docker, for trying out and for tests."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inspectd.cli.stack_progress import StackProgress
from inspectd.errors import NotFound
from inspectd.stack import environment
from inspectd.stack.plan import DEFAULT_SERVICES, SERVICES, Plan
from inspectd.stack.ports import PortChoice
from inspectd.stack.stack import ServiceState, Stack

app = typer.Typer(help="Run Kafka, Redis, Triton and PostgreSQL here, without Docker.", no_args_is_help=True)

StateDir = Annotated[Path, typer.Option("--state-dir", metavar="DIR", help="Where the services keep their data.")]
CacheDir = Annotated[Path, typer.Option("--cache-dir", metavar="DIR", help="Where downloads are kept for every stack.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for other programs.")]
Checkpoint = Annotated[Path | None, typer.Option(metavar="DIR", help="Serve this checkpoint, not the shipped one.")]

STATE_DIR = Path("~/.local/state/inspectd-stack")
CACHE_DIR = Path("~/.cache/inspectd")

_STYLES = {"ready": "green", "starting": "yellow", "died": "bold red", "stopped": "dim"}


@app.command()
def up(
    state_dir: StateDir = STATE_DIR,
    cache_dir: CacheDir = CACHE_DIR,
    services: Annotated[str, typer.Option("--services", help=f"Comma-separated, of {', '.join(SERVICES)}.")] = ",".join(
        DEFAULT_SERVICES
    ),
    with_postgres: Annotated[bool, typer.Option("--with-postgres", help="Add PostgreSQL (else SQLite).")] = False,
    expert_checkpoint: Checkpoint = None,
    explainer_checkpoint: Checkpoint = None,
    editor_checkpoint: Checkpoint = None,
    ports: Annotated[
        PortChoice,
        typer.Option(
            "--ports", help="auto: the usual ports, others when taken; fixed: the usual or nothing; free: any."
        ),
    ] = "auto",
    kafka_home: Annotated[
        Path | None,
        typer.Option("--kafka-home", envvar="KAFKA_HOME", metavar="DIR", help="An unpacked Apache Kafka 4."),
    ] = None,
    java_home: Annotated[
        Path | None,
        typer.Option("--java-home", envvar="JAVA_HOME", metavar="DIR", help="A Java of version 17 or later."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start the services that do not run yet and wait until all are ready.

    Prints the variables that point the daemon at them; they are also in DIR/stack.env and, as a configuration file,
    in DIR/stack.toml.

    Examples:
      inspectd stack up

      inspectd stack up --services kafka,redis

      inspectd stack up --expert-checkpoint runs/tiles --with-postgres

      inspectd run --config ~/.local/state/inspectd-stack/stack.toml

    """
    names = [name.strip() for name in services.split(",") if name.strip()] + ["postgres"] * with_postgres
    plan = Plan(
        services=tuple(dict.fromkeys(names)),
        expert_checkpoint=_absolute(expert_checkpoint),
        explainer_checkpoint=_absolute(explainer_checkpoint),
        editor_checkpoint=_absolute(editor_checkpoint),
        kafka_home=_absolute(kafka_home),
        java_home=_absolute(java_home),
    )
    stack = Stack(state_dir, cache_dir)
    with StackProgress(quiet=as_json) as progress:
        stack.up(plan, ports, progress)
    if as_json:
        typer.echo(_json(stack))
    else:
        _print_environment(stack)


@app.command()
def status(state_dir: StateDir = STATE_DIR, cache_dir: CacheDir = CACHE_DIR, as_json: Json = False) -> None:
    """Show each service, its address and how long it has run. Exit code 1 unless all of them are ready.

    Example:
      inspectd stack status

    """
    stack = Stack(state_dir, cache_dir)
    states = stack.status()
    if as_json:
        typer.echo(_json(stack))
    elif not states:
        typer.echo(f"No stack under {stack.state_dir}. Start one: inspectd stack up")
    else:
        Console(highlight=False).print(_table(states))
    if not states or any(state.state != "ready" for state in states):
        raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}; all when left out.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")] = False,
    state_dir: StateDir = STATE_DIR,
    cache_dir: CacheDir = CACHE_DIR,
) -> None:
    """Show what the services wrote.

    Example:
      inspectd stack logs triton -n 100 --follow

    """
    stack = Stack(state_dir, cache_dir)
    names = [service] if service else [state.name for state in stack.status()]
    places = {name: stack.process(name).log_path for name in names}
    places = {name: path for name, path in places.items() if path.is_file()}
    if not places:
        raise NotFound(f"there is no log {f'of {service} ' if service else ''}under {stack.state_dir}")
    for name in places:
        _echo_lines(name, stack.process(name).log_tail(lines).splitlines(), len(places) > 1)
    if follow:
        _follow(places)


@app.command()
def down(state_dir: StateDir = STATE_DIR, cache_dir: CacheDir = CACHE_DIR) -> None:
    """Stop the services that `up` started here; their data stays.

    Example:
      inspectd stack down

    """
    with StackProgress() as progress:
        Stack(state_dir, cache_dir).down(progress)


def _absolute(path: Path | None) -> str:
    return str(path.expanduser().resolve()) if path else ""


def _print_environment(stack: Stack) -> None:
    typer.echo(environment.lines(stack.settings()), nl=False)
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"Run the daemon against it: inspectd run --config {stack.state_dir / 'stack.toml'}", style="dim"
    )


def _json(stack: Stack) -> str:
    services = [{**asdict(state), "log": str(state.log)} for state in stack.status()]
    variables = environment.variables(stack.settings())
    return json.dumps({"state_dir": str(stack.state_dir), "services": services, "environment": variables})


def _table(states: tuple[ServiceState, ...]) -> Table:
    table = Table(header_style="bold", show_edge=False, pad_edge=False)
    for heading in ("service", "state", "ports", "up for", "pid"):
        table.add_column(heading)
    for state in states:
        word = Text(state.state + (f" ({state.detail})" if state.detail else ""), style=_STYLES[state.state])
        ports = ", ".join(f"{purpose.removeprefix(state.name + '_')} {port}" for purpose, port in state.ports.items())
        uptime = time.strftime("%H:%M:%S", time.gmtime(state.uptime_s)) if state.pid else "–"
        table.add_row(state.name, word, ports, uptime, str(state.pid or "–"))
    return table


def _echo_lines(name: str, lines: list[str], labelled: bool) -> None:
    for line in lines:
        typer.echo(f"{name:8} {line}" if labelled else line)


def _follow(places: dict[str, Path]) -> None:
    offsets = {name: path.stat().st_size for name, path in places.items()}
    try:
        while True:
            time.sleep(0.3)
            for name, path in places.items():
                offsets[name] = offsets[name] if path.stat().st_size >= offsets[name] else 0  # a new log
                with path.open("rb") as log:
                    log.seek(offsets[name])
                    whole, newline, _ = log.read().rpartition(b"\n")
                offsets[name] += len(whole) + len(newline)
                _echo_lines(name, whole.decode("utf-8", "replace").splitlines(), len(places) > 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
