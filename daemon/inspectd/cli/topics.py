"""`inspectd topics`: the daemon's Kafka topics in a broker that is already there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspectd.settings import load_settings

if TYPE_CHECKING:
    from inspectd.settings import Settings
    from inspectd.stack.topics import Topic

app = typer.Typer(help="Show the daemon's Kafka topics, or create them in a broker.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings.")]
Partitions = Annotated[
    int, typer.Option("--partitions", min=1, help="Of the topics that are keyed by camera or event.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for other programs.")]


@app.command("list")
def list_topics(partitions: Partitions = 4, config: Config = None, as_json: Json = False) -> None:
    """List the topics as they should be, with their configuration. Asks no broker.

    Example:
      inspectd topics list

    """
    for topic in _wanted(load_settings(config), partitions):
        if as_json:
            row = {"name": topic.name, "partitions": topic.partitions, "configuration": topic.configuration}
            typer.echo(json.dumps(row))
        else:
            words = " ".join(f"{name}={value}" for name, value in sorted(topic.configuration.items()))
            typer.echo(f"{topic.name:28} {topic.partitions:3}  {words}")


@app.command()
def create(
    partitions: Partitions = 4,
    replication_factor: Annotated[
        int, typer.Option("--replication-factor", min=1, help="Copies of each partition; 3 in a cluster.")
    ] = 1,
    config: Config = None,
) -> None:
    """Create the topics that are missing; those that exist keep their configuration.

    Examples:
      inspectd topics create

      INSPECTD_KAFKA__BOOTSTRAP_SERVERS=broker:9092 inspectd topics create --partitions 12 --replication-factor 3

    """
    settings = load_settings(config)
    from inspectd.kafka_client import connection_options
    from inspectd.stack.topics import create as create_in_broker

    wanted = _wanted(settings, partitions)
    options = connection_options(settings.kafka)
    options.pop("metrics_enabled")  # the driver's consumers and producers know it, its admin client does not
    made = create_in_broker(settings.kafka.bootstrap_servers, wanted, replication_factor, options)
    for topic in wanted:
        typer.echo(f"{topic.name:28} {'created' if topic.name in made else 'was there'}")


def _wanted(settings: "Settings", partitions: int) -> "tuple[Topic, ...]":
    from inspectd.stack.topics import topics

    return topics(settings.kafka, settings.frames.max_frame_bytes, partitions)
