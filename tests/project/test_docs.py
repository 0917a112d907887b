"""The users' pages: every command parses, every path, setting, service and link is there, generated pages are fresh."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.commands import PROGRAMS, parse
from tests.deploy.artefacts import compose, field_of, variables_in
from tests.project.tree import ROOT, modules, tracked

from inspectd.frames.codec import REASONS
from inspectd.records import Outcome
from inspectd.settings import KafkaSettings, Section, Settings

DOCS = ROOT / "deploy" / "docs"
#: files.md quotes the modules' own words, which are nobody's instructions.
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.glob("*.md") if page.name != "files.md")]
IDS = [page.name for page in PAGES]
#: Programs of the machine that pages may use without our checking their words.
SYSTEM = {"systemctl", "journalctl", "install", "source", "set", "."}


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(page: Path) -> Iterator[str]:
    """Each command of a page's shell blocks, and each whole command between back quotes in its text."""
    text = page.read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from (line for line in block.splitlines() if line and not line.startswith("#"))
    for inline in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if inline.split()[0] in (*PROGRAMS, "make", "docker") and "…" not in inline and len(inline.split()) > 1:
            yield from (part for part in inline.split(" && ") if not _is_mention(part.split()))


def _is_mention(words: list[str]) -> bool:
    """Whether a program's command is only named, as in "`inspectd stack` is for trying out"."""
    known = {info.name for app in PROGRAMS.values() for info in app.registered_groups}
    return len(words) == 2 and words[0] in PROGRAMS and words[1] in known


COMMANDS = [(page.name, line) for page in PAGES for line in lines_of(page)]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}"[:90] for page, line in COMMANDS])
def test_a_command_works_as_written(page: str, line: str) -> None:
    for part in line.split("; "):
        words = shlex.split(part)
        while "=" in words[0] or words[0] == "sudo":
            if words[0].startswith("INSPECTD_"):
                field_of(words[0].split("=")[0])
            words = words[1:]
        check(words)


def check(words: list[str]) -> None:
    program = Path(words[0]).name or words[0]
    if program in PROGRAMS:
        if words[1:] not in ([], ["…"]):
            parse(program, [word.replace("~", "/home") for word in words[1:]])
    elif program == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), words
        arguments = next((word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")), "")
        if words[1] == "demo":
            parse("inspectd", ["demo", *arguments.split()])
    elif program == "docker":
        check_compose(words[1:])
    elif program in ("python", "python3", "pip"):
        named = [word for word in words[1:] if word.endswith((".py", ".txt"))]
        assert all((ROOT / word).is_file() for word in named), words
        extras = re.findall(r"\[([a-z,]+)\]", " ".join(words))
        declared = (ROOT / "pyproject.toml").read_text()
        assert all(f"\n{extra} = [" in declared for group in extras for extra in group.split(",")), words
    elif program not in SYSTEM:
        assert (ROOT / words[0]).is_file(), f"who is {words[0]}?"
    sources = [word for word in words[1:] if word.startswith("deploy/")]
    assert all((ROOT / word).exists() for word in sources), words


def check_compose(words: list[str]) -> None:
    assert words[0] == "compose", words
    action, rest = words[1], words[2:]
    services = compose()["services"]
    if action in ("exec", "run"):
        while rest[0].startswith("-"):
            rest = rest[2:] if rest[0] == "-v" else rest[1:]
        assert rest[0] in services, words
        inner = rest[1:]
        if action == "exec":
            assert inner[0] in PROGRAMS, words
            inner = inner[1:]
        else:  # what the service begins with, when it is more than the program
            inner = [*services[rest[0]].get("entrypoint", ["inspectd"])[1:], *inner]
        parse("inspectd", inner)
    elif action == "cp":
        assert rest[0].split(":")[0] in services, words
        mounts = [str(entry).split(":")[1] for entry in services[rest[0].split(":")[0]]["volumes"]]
        assert any(rest[0].split(":")[1].startswith(mount) for mount in mounts), words
    else:
        assert action in ("up", "down", "logs", "stop"), words
        assert all(word in services for word in rest if not word.startswith("-")), words


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_link_leads_somewhere(page: Path) -> None:
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", page.read_text())]
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_variable_is_a_setting(page: Path) -> None:
    for name in variables_in(page.read_text()):
        field_of(name)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_setting_by_its_path_is_one(page: Path) -> None:
    groups = "|".join(name for name, field in Settings.model_fields.items() if _is_group(field.annotation))
    for path in re.findall(rf"`((?:{groups})\.[a-z_]+)`", page.read_text()):
        if not path.endswith((".py", ".toml")):
            field_of("INSPECTD_" + path.upper().replace(".", "__"))


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_topic_is_one_of_ours(page: Path) -> None:
    plain = KafkaSettings()
    topics = {getattr(plain, name) for name in KafkaSettings.model_fields if name.endswith("_topic")}
    named = set(re.findall(r"`(inspectd\.[a-z]+(?:[.-][a-z]+)*)`", page.read_text()))
    assert {name for name in named if not name.endswith((".v1", ".toml", ".json", ".env", ".service"))} <= topics


def test_every_reason_and_outcome_is_explained_to_the_integrator() -> None:
    page = (DOCS / "integrator.md").read_text()
    sources = "".join((ROOT / "daemon/inspectd" / name).read_text() for name in ("frames/decode.py", "worker.py"))
    reasons = {*REASONS, *re.findall(r'Rejected\("([a-z_]+)"', sources)}
    missing = sorted(reason for reason in reasons if f"`{reason}`" not in page)
    assert not missing, f"deploy/docs/integrator.md, When a frame is refused: add {', '.join(missing)}"
    assert all(f"`{outcome.name}`" in page for outcome in Outcome)


def test_the_settings_page_is_what_the_settings_are() -> None:
    fresh = generator().settings_page()
    assert (DOCS / "settings.md").read_text() == fresh, "run: python deploy/docs/generate.py"


def test_every_setting_says_what_it_means() -> None:
    bare = re.findall(r"^\| `([\w.]+)` .* \| – \|$", generator().settings_page(), re.MULTILINE)
    assert not bare, f"daemon/inspectd/settings.py: give a description to {', '.join(bare)}"


def test_the_files_page_names_every_module() -> None:
    """Names only: a sentence that was reworded is no reason to fail."""
    page = (DOCS / "files.md").read_text()
    packages = {package: page.partition(f"## {package}\n")[2].partition("\n## ")[0] for package in generator().PACKAGES}
    for package, table in packages.items():
        named = {Path(name) for name in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)}
        there = {
            name.relative_to(package) for name in tracked() if name.is_relative_to(package) and name.suffix == ".py"
        }
        there = {name for name in there if name.parts[0] != "v1"}
        assert not there - named, f"{package}: run python deploy/docs/generate.py"
        assert not named - there - {name for name in named if (ROOT / package / name).is_file()}, (
            f"{package}: run python deploy/docs/generate.py"
        )
    assert modules(Path("daemon/inspectd"))
