"""The settings that reach a stack, as environment lines and as a TOML file for the daemon."""

import json
from collections.abc import Mapping
from pathlib import Path


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Dotted paths to the names that inspectd reads: `kafka.bootstrap_servers` -> `INSPECTD_KAFKA__BOOTSTRAP_SERVERS`."""
    return {"INSPECTD_" + path.upper().replace(".", "__"): value for path, value in settings.items()}


def lines(settings: Mapping[str, str]) -> str:
    """`NAME=value` lines, as `docker --env-file`, systemd's EnvironmentFile and a shell with `set -a` read them."""
    return "".join(f"{name}={value}\n" for name, value in variables(settings).items())


def toml(settings: Mapping[str, str]) -> str:
    """The same as a configuration file."""
    sections: dict[str, list[str]] = {}
    for path, value in settings.items():
        section, name = path.split(".", 1)
        sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}\n")  # a JSON string is a TOML string
    return "\n".join(f"[{section}]\n{''.join(entries)}" for section, entries in sections.items())


def write(state_dir: Path, settings: Mapping[str, str]) -> None:
    """Writes stack.env and stack.toml."""
    (state_dir / "stack.env").write_text(lines(settings))
    (state_dir / "stack.toml").write_text(toml(settings))
