"""`iad-unify`: pretrain, train, evaluate, calibrate, export and draw. Torch is imported by the commands that need it, not by --help."""

import sys
from collections.abc import Callable
from typing import Any

import typer

from iad_unify import export
from iad_unify.checkpoint import CheckpointError
from iad_unify.defect_editor import commands as defect_editor
from iad_unify.explainer import commands as explainer
from iad_unify.explainer.ladder import command as ladder
from iad_unify.mmad import command as mmad
from iad_unify.procedural import commands as procedural
from iad_unify.region_expert import commands as region_expert
from iad_unify.region_expert.evaluation import type_command
from iad_unify.region_expert.pretraining import command as pretrain_command

app = typer.Typer(
    no_args_is_help=True, help="Train and evaluate the models of inspectd.", pretty_exceptions_enable=False
)
train = typer.Typer(no_args_is_help=True, help="Train a model; every command resumes after an interruption.")
evaluate = typer.Typer(no_args_is_help=True, help="Measure a checkpoint and write a report.")
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")


def _add(group: typer.Typer, name: str, command: Callable[..., Any]) -> None:
    group.command(name)(command)


_add(train, "region-expert", region_expert.train)
_add(train, "explainer", explainer.train)
_add(train, "defect-editor", defect_editor.train)
_add(evaluate, "segmentation", region_expert.evaluate)
_add(evaluate, "understanding", explainer.evaluate)
_add(evaluate, "ladder", ladder.evaluate)
_add(evaluate, "generation", defect_editor.evaluate)
_add(app, "calibrate-types", type_command.calibrate_types)
_add(app, "ablate", ladder.ablate)
_add(app, "pretrain", pretrain_command.pretrain)
_add(app, "bare", region_expert.bare)
_add(evaluate, "mmad", mmad.evaluate)
_add(app, "draw", procedural.draw)
_add(app, "export", export.export)


def main() -> None:
    """Runs the command line; an unusable checkpoint, or a file that cannot be written, is one line and exit code 2."""
    try:
        app()
    except CheckpointError as error:
        print(f"iad-unify: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.filename is None:
            raise
        print(f"iad-unify: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
