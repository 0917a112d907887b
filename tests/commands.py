"""Command lines as documents and deployments write them, held against the programs' own parsers. Nothing is executed."""

import contextlib
import io
from typing import Any

import typer
from typer.main import get_command

import iad_unify.cli
import inspectd.cli

PROGRAMS: dict[str, typer.Typer] = {"inspectd": inspectd.cli.app, "iad-unify": iad_unify.cli.app}


def parse(program: str, words: list[str]) -> None:
    """Parses the words as the program would, without running the command. Raises AssertionError with its complaint."""
    line = f"{program} {' '.join(words)}"
    command, name, parent = get_command(PROGRAMS[program]), program, None
    while True:
        context = _context(command, name, words, parent, line)
        if context is None or not hasattr(command, "commands"):
            return
        rest = [*getattr(context, "_protected_args", []), *context.args]
        assert rest, f"{line}: a command is missing"
        assert rest[0] in command.commands, f"{line}: there is no command {rest[0]!r}"
        command, name, words, parent = command.commands[rest[0]], rest[0], rest[1:], context


def _context(command: Any, name: str, words: list[str], parent: Any, line: str) -> Any:
    """None when the words ask for nothing but --help or --version."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return command.make_context(name, list(words), parent=parent)
    except Exception as error:
        # The parser's classes are looked at by name, since typer brings its own copy of them or does not.
        if type(error).__name__ == "Exit":
            return None
        if not hasattr(error, "format_message"):
            raise
        raise AssertionError(f"{line}: {error.format_message() or type(error).__name__}") from error
