"""Words that no tracked file may hold: unfinished work, paths of one machine, hosts that packages come from."""

import re
from pathlib import Path

import pytest
from tests.project.tree import ROOT, tracked

#: Spelt apart, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
MACHINE = re.compile(
    r"(?<![\w.)}*/-])/("
    + "|".join(["wo" + "rk", "ro" + "ot", "far" + "m", "ho" + r"me/\w+", "Us" + r"ers/\w+"])
    + r")/"
)
HOSTS = re.compile(
    "|".join(
        (first + last)
        for first, last in (
            ("py", r"pi\.org"),
            ("python", r"hosted\."),
            ("repo", r"1?\.maven"),
            ("download", r"\.pytorch"),
            ("docker", r"\.io/"),
            ("gh", r"cr\.io"),
            ("qu", r"ay\.io"),
            ("nv", r"cr\.io"),
            ("art", "ifactory"),
            ("index", "-url"),
        )
    )
)
#: Images are named by their registry; this one has no other name.
ALLOWED_HOSTS = {Path("deploy/triton.Dockerfile"): "FROM nv" + "cr.io/nvidia/tritonserver:"}


def texts() -> list[tuple[Path, str]]:
    found = []
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data and name.name != "LICENSE":
            found.append((name, data.decode("utf-8", "replace")))
    return found


TEXTS = texts()


@pytest.mark.parametrize(("what", "pattern"), [("unfinished work", UNFINISHED), ("a machine's path", MACHINE)])
def test_no_file_speaks_of(what: str, pattern: re.Pattern[str]) -> None:
    found = [f"{name}:{number}: {line.strip()[:100]}" for name, number, line in _lines(pattern)]
    assert not found, f"{what}:\n" + "\n".join(found)


def test_no_file_names_a_registry_host() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, number, line in _lines(HOSTS)
        if not line.startswith(ALLOWED_HOSTS.get(name, "\0"))
    ]
    assert not found, "\n".join(found)


def _lines(pattern: re.Pattern[str]) -> list[tuple[Path, int, str]]:
    return [
        (name, number, line)
        for name, text in TEXTS
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
