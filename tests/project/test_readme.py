"""README.md names what is there: every module in the tree, every path, every link."""

import re
from pathlib import Path

import pytest
from tests.project.tree import ROOT, modules, tracked

README = (ROOT / "README.md").read_text()
TREE = re.search(r"## The tree\n.*?```text\n(.*?)```", README, re.DOTALL).group(1)  # type: ignore[union-attr]
PACKAGES = (Path("daemon/inspectd"), Path("models/iad_unify"))
#: A line's paths end where two blanks and a lower-case phrase, or nothing, follow.
_PATHS = re.compile(
    r"^(\s*)((?:[\w.-]*[/.][\w./-]*|LICENSE|Makefile|README\.md)(?:\s{2,}(?:[\w.-]*[/.][\w./-]*|LICENSE|Makefile)(?=\s|$))*)(.*)$"
)


def entries() -> list[tuple[list[Path], str]]:
    """(paths, phrase) of each line; a line that begins far to the right goes on with the phrase above."""
    found: list[tuple[list[Path], str]] = []
    top = Path()
    for line in TREE.splitlines():
        match = _PATHS.match(line)
        if line.startswith(" " * 12) or match is None:
            paths, phrase = found[-1]
            found[-1] = (paths, f"{phrase} {line.strip()}")
            continue
        names = [Path(name) for name in match[2].split()]
        if not match[1]:
            top = names[-1]
        found.append((names if not match[1] else [top / name for name in names], match[3].strip()))
    return found


ENTRIES = entries()


def test_every_path_of_the_tree_is_there() -> None:
    missing = [str(path) for paths, _ in ENTRIES for path in paths if not (ROOT / path).exists()]
    assert not missing, f"README.md, The tree: there is no {', '.join(missing)}; take it out or correct it"


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_every_module_is_named(package: Path) -> None:
    lines = {path: f"{' '.join(map(str, paths))} {phrase}" for paths, phrase in ENTRIES for path in paths}
    missing = []
    for module in modules(package):
        path = package / module
        if path in lines:
            continue
        folder = next((parent for parent in path.parents if parent in lines and parent != package), None)
        if folder is None:
            missing.append(f"a line for {path}")
        elif not re.search(rf"(?<![\w]){re.escape(path.stem)}(?![\w])", lines[folder]):
            missing.append(f"{path.stem!r} in the line of {folder}/")
    assert not missing, "README.md, The tree: add " + "; add ".join(missing)


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_no_module_is_named_that_is_gone(package: Path) -> None:
    """A word in a folder's line that looks like a module and was one yesterday."""
    gone = []
    for paths, phrase in ENTRIES:
        for folder in paths:
            if folder.is_relative_to(package) and (ROOT / folder).is_dir() and folder != package:
                stems = {path.stem for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts}
                words = {word for word in re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", phrase)}
                gone += [f"{word!r} in the line of {folder}/" for word in sorted(words - stems)]
    assert not gone, "README.md, The tree: there is no module for " + ", ".join(gone)


def test_the_two_commands_are_written_as_they_are_typed() -> None:
    assert re.search(r"```sh\nmake demo\n```", README)
    assert re.search(r"```sh\nmake test\n```", README)


def test_there_is_the_picture_and_a_page_for_each_user() -> None:
    assert "](deploy/docs/overview.svg)" in README
    for page in ("integrator", "developer", "operator", "ml-engineer"):
        assert f"(deploy/docs/{page}.md)" in README
        assert Path(f"deploy/docs/{page}.md") in tracked()
