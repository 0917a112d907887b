"""A checkpoint folder: config.json, model.safetensors, MODEL_CARD.md, card.json.

This module hashes the folder and reads and writes its card. It never opens the tensors, so that the daemon can use it
without torch; the role's own package loads the weights.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CONFIG = "config.json"
TENSORS = "model.safetensors"
CARD = "card.json"
CARD_TEXT = "MODEL_CARD.md"


class CheckpointError(Exception):
    """A checkpoint that cannot be used: the path, what is wrong with it, and how to mend it."""

    def __init__(self, path: Path | str, mend: str, problem: str = "not a usable checkpoint") -> None:
        super().__init__(f"{path}: {problem}; {mend}")
        self.path = Path(path)
        self.mend = mend
        self.problem = problem


class UntrainedHead(CheckpointError):
    """A checkpoint whose head was never trained must not serve: names the head and the command that trains it."""

    def __init__(self, path: Path | str, head: str, command: str) -> None:
        super().__init__(path, f"train it with `{command}`", f"the {head} was never trained")
        self.head = head
        self.command = command


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number: its value, its 95 % interval (low, high) and the command that measures it again."""

    value: float
    ci: tuple[float, float] | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """The machine-readable model card."""

    role: str
    config: str  # name of the configuration, such as "tiny"
    parameters: int
    data: tuple[str, ...]  # what it was trained on; shipped checkpoints: only "procedural"
    steps: int
    seed: int
    minutes: float  # wall-clock training time
    trained_heads: tuple[str, ...]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    default_threshold: float | None = None  # decision threshold on the raw score; None for roles that decide nothing
    proposal_threshold: float | None = None  # regions are proposed from this probability up
    type_slugs: tuple[str, ...] = ()
    type_temperature: float = 1.0  # type logits are divided by it; see `iad-unify calibrate-types`
    type_level: float | None = None  # a region's likely types hold more than this probability; None: not calibrated
    model_version: str = ""
    note: str = ""  # one paragraph for the reader: intended use and limits


def model_version(folder: Path | str) -> str:
    """The first 12 hex digits of sha256 over config.json and then model.safetensors; raises CheckpointError."""
    digest = hashlib.sha256()
    for name in (CONFIG, TENSORS):
        try:
            with (Path(folder) / name).open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise CheckpointError(folder, _RETRAIN, f"{name} cannot be read ({error.strerror})") from error
    return digest.hexdigest()[:12]


def at_square(version: str, square: int, size: int) -> str:
    """What answers carry as MODEL_VERSION: of a `version` whose input has side `size`, about a square of side `square`.

    A larger square shows finer things: its tokens, scores and thresholds are those of another model, and the name says so.
    """
    return version if square == size else f"{version}@{square}"


def checkpoint_version(served: str) -> str:
    """The checkpoint's own `model_version` out of a MODEL_VERSION: without the precision and the square."""
    return served.partition("@")[0].partition("+")[0]


_RETRAIN = "train one with `iad-unify train`, or name a folder that holds config.json and model.safetensors"


def read_config(folder: Path | str) -> dict[str, Any]:
    """config.json as a dict; raises CheckpointError."""
    return _read_json(Path(folder), CONFIG)


def read_card(folder: Path | str) -> Card:
    """The folder's card. Raises CheckpointError when it is missing, damaged, or lacks a field.

    `model_version` is what the card says; compare it with `model_version(folder)` where that matters.
    """
    raw = _read_json(Path(folder), CARD)
    try:
        return Card(
            role=str(raw["role"]),
            config=str(raw["config"]),
            parameters=int(raw["parameters"]),
            data=_strings(raw["data"]),
            steps=int(raw["steps"]),
            seed=int(raw["seed"]),
            minutes=float(raw["minutes"]),
            trained_heads=_strings(raw["trained_heads"]),
            figures={str(name): _figure(figure) for name, figure in dict(raw["figures"]).items()},
            default_threshold=_number(raw["default_threshold"]),
            proposal_threshold=_number(raw["proposal_threshold"]),
            type_slugs=_strings(raw["type_slugs"]),
            type_temperature=_positive(raw.get("type_temperature", 1.0)),
            type_level=_number(raw.get("type_level")),
            model_version=str(raw["model_version"]),
            note=str(raw.get("note", "")),
        )
    except KeyError as error:
        raise CheckpointError(folder, "train or export it again", f"{CARD} lacks {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(folder, "train or export it again", f"{CARD} is damaged ({error})") from error


def data_seen(own: Iterable[str], *origins: Path | str | None) -> tuple[str, ...]:
    """What weights have seen that start from others: the data of the cards of `origins`, then `own`, each once.

    An origin without a card (None, a hub id, a folder of somebody else's) adds nothing: what it saw is not known here.
    Raises CheckpointError for a damaged card.
    """
    cards = (read_card(origin) for origin in origins if origin and (Path(origin) / CARD).is_file())
    return tuple(dict.fromkeys((*(name for card in cards for name in card.data), *own)))


def write_card(folder: Path | str, card: Card) -> Card:
    """Write card.json and MODEL_CARD.md from `card`, with the version of the files that lie there now; returns it.

    Call it after config.json and model.safetensors are written. Raises CheckpointError when they are not.
    """
    place = Path(folder)
    values = asdict(card) | {"model_version": model_version(place)}
    if card.type_level is None:  # a card that was not calibrated says nothing of it
        del values["type_level"], values["type_temperature"]
    _replace(place / CARD, json.dumps(values, indent=2, sort_keys=True) + "\n")
    _replace(place / CARD_TEXT, render(values))
    return read_card(place)


def render(card: Mapping[str, Any]) -> str:
    """MODEL_CARD.md from the same dict that card.json holds."""
    threshold, proposal = card["default_threshold"], card["proposal_threshold"]
    lines = [
        f"# {card['role']} ({card['config']})",
        "",
        *([str(card["note"]), ""] if card["note"] else []),
        f"- Model version: `{card['model_version']}`",
        f"- Parameters: {card['parameters']:,}",
        f"- Trained on: {', '.join(card['data'])}",
        f"- Training: {card['steps']:,} steps, seed {card['seed']}, {card['minutes']:.1f} minutes",
        f"- Trained heads: {', '.join(card['trained_heads']) or 'none'}",
        *([f"- Default decision threshold: {threshold:g}"] if threshold is not None else []),
        *([f"- Default proposal threshold: {proposal:g}"] if proposal is not None else []),
        *([f"- Defect types: {', '.join(card['type_slugs'])}"] if card["type_slugs"] else []),
        *([_types_line(card)] if card.get("type_level") is not None else []),
        "",
        *_figure_table(card["figures"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _types_line(card: Mapping[str, Any]) -> str:
    temperature, level = card["type_temperature"], card["type_level"]
    return f"- Type confidence: temperature {temperature:.4g}, a region's likely types hold more than {level:.4g}"


def _figure_table(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not figures:
        return ["No figure was measured."]
    rows = ["| figure | value | 95 % interval | measured by |", "|---|---|---|---|"]
    for name, figure in sorted(figures.items()):
        interval = "-" if figure["ci"] is None else f"{figure['ci'][0]:.4g} to {figure['ci'][1]:.4g}"
        command = f"`{figure['command']}`" if figure["command"] else "-"
        rows.append(f"| {name} | {figure['value']:.4g} | {interval} | {command} |")
    return rows


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        values = json.loads((folder / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(folder, _RETRAIN, f"{name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise CheckpointError(folder, "train or export it again", f"{name} is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise CheckpointError(folder, "train or export it again", f"{name} is not a JSON object")
    return values


def _replace(path: Path, text: str) -> None:
    """Write beside and rename, so that a reader never sees half a card."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def _strings(values: Sequence[Any]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError("a list of names is expected")
    return tuple(str(value) for value in values)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{value!r} is no temperature")
    return number


def _figure(raw: Mapping[str, Any]) -> Figure:
    ci = raw.get("ci")
    return Figure(
        float(raw["value"]), None if ci is None else (float(ci[0]), float(ci[1])), str(raw.get("command", ""))
    )
