"""The files of a deployment, read as their programs read them."""

import re
from pathlib import Path
from typing import Any

import yaml

from inspectd.settings import Section, Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"

#: `${NAME:?message}` and `${NAME:-default}`.
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?::(?P<kind>[?-])(?P<rest>[^}]*))?\}")


def compose(values: dict[str, str] | None = None) -> dict[str, Any]:
    """docker-compose.yml with its variables filled in; a required one that is not given stays as it is."""

    def fill(match: re.Match[str]) -> str:
        return (values or {}).get(match["name"], match["rest"] if match["kind"] == "-" else match[0])

    document: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(fill, (ROOT / "docker-compose.yml").read_text()))
    return document


def required_variables() -> set[str]:
    """The names that docker-compose.yml refuses to start without."""
    found = _VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())
    return {match["name"] for match in found if match["kind"] == "?"}


def field_of(variable: str) -> str:
    """The setting that an environment variable names, as a dotted path. Raises AssertionError when there is none."""
    path = variable.removeprefix("INSPECTD_").lower().split("__")
    model: Any = Settings
    for step in path:
        fields = getattr(model, "model_fields", {})
        assert step in fields, f"{variable} is no setting: {step!r} is not one of {', '.join(sorted(fields))}"
        model = fields[step].annotation
    assert not (isinstance(model, type) and issubclass(model, Section)), f"{variable} names a group, not a setting"
    return ".".join(path)


def variables_in(text: str) -> set[str]:
    """Every INSPECTD_ variable that a text names; a trailing `__` is a group in prose."""
    return {name for name in re.findall(r"\bINSPECTD_[A-Z0-9_]*[A-Z0-9]\b", text) if not name.endswith("_")}


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """A Dockerfile as (INSTRUCTION, rest), continuation lines joined."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]
