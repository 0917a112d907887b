"""The wheel, built and installed without extras into an environment of its own, and used outside the clone."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.project.tree import ROOT, tracked

from inspectd import __version__

#: What `import inspectd` must not pull in: drivers, servers, models, and what is merely slow.
HEAVY = (
    "torch",
    "transformers",
    "diffusers",
    "kafka",
    "tritonclient",
    "redis",
    "grpc",
    "sqlalchemy",
    "cv2",
    "numpy",
    "uvicorn",
)
#: What is not installed without extras.
EXTRAS = ("torch", "transformers", "diffusers", "kafka", "tritonclient", "redis", "psycopg", "pytest")


def uv() -> str | None:
    """The Makefile's uv, or one on the path; without it pip does the same, slower."""
    made = ROOT / ".tools" / "bin" / "uv"
    return str(made) if made.is_file() else shutil.which("uv")


def run(*command: str | Path, cwd: Path, check: bool = True) -> str:
    """Output of a command, away from this tree's Python path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0 or not check, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tracked files, so that nothing of this machine can slip in."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    for name in tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    if program := uv():
        run(program, "build", "--quiet", "--wheel", "--out-dir", place, source, cwd=place)
    else:
        run(sys.executable, "-m", "build", "--wheel", "--outdir", place, source, cwd=place)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An interpreter with the wheel and what it requires, without extras."""
    place = tmp_path_factory.mktemp("environment")
    environment, constraints = place / "venv", ROOT / "constraints.txt"
    interpreter = environment / "bin" / "python"
    if program := uv():
        run(program, "venv", "--quiet", "--python", sys.executable, environment, cwd=place)
        run(program, "pip", "install", "--quiet", "--python", interpreter, "-c", constraints, wheel, cwd=place)
    else:
        run(sys.executable, "-m", "venv", environment, cwd=place)
        run(interpreter, "-m", "pip", "install", "--quiet", "-c", constraints, wheel, cwd=place)
    yield interpreter
    shutil.rmtree(environment)


def members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_module_and_data_file_of_the_packages_is_inside(wheel: Path) -> None:
    places = {Path("daemon/inspectd"): "inspectd", Path("models/iad_unify"): "iad_unify"}
    places |= {Path("models/weights"): "iad_unify/weights", Path("models/repository"): "iad_unify/repository"}
    wanted = {
        f"{inside}/{name.relative_to(outside).as_posix()}"
        for outside, inside in places.items()
        for name in tracked()
        if name.is_relative_to(outside)
    }
    assert wanted - members(wheel) == set()


def test_no_other_top_level_package_leaks(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in members(wheel)}
    assert tops == {"inspectd", "iad_unify", f"inspectd-{__version__}.dist-info"}
    assert not [name for name in members(wheel) if "__pycache__" in name or "/state/" in name]


def test_licence_and_programs_are_declared(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"inspectd-{__version__}.dist-info/METADATA").decode()
        programs = archive.read(f"inspectd-{__version__}.dist-info/entry_points.txt").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert f"Version: {__version__}" in metadata
    assert "inspectd = inspectd.__main__:main" in programs
    assert "iad-unify = iad_unify.cli:main" in programs


def test_it_runs_outside_the_clone_without_any_extra(python: Path, tmp_path: Path) -> None:
    code = f"from importlib.util import find_spec; print([name for name in {EXTRAS!r} if find_spec(name)])"
    assert run(python, "-c", code, cwd=tmp_path).strip() == "[]", "installed without their extra"
    programs = python.parent
    assert run(programs / "inspectd", "--version", cwd=tmp_path).split() == ["inspectd", __version__]
    assert "calibrate" in run(programs / "inspectd", "--help", cwd=tmp_path)
    assert "evaluate" in run(programs / "iad-unify", "--help", cwd=tmp_path)


def test_the_composition_root_imports_without_any_extra(python: Path, tmp_path: Path) -> None:
    code = "import inspectd.wiring, inspectd.cli, iad_unify.catalog, iad_unify.language.verify, iad_unify.procedural"
    run(python, "-c", code, cwd=tmp_path)


def test_the_weights_and_the_repository_are_found_in_the_package(python: Path, tmp_path: Path) -> None:
    code = """
import json
from iad_unify import resources
from iad_unify.checkpoint import model_version
places = [resources.repository(), *map(resources.weights, resources.ROLES)]
print(json.dumps([[str(place) for place in places], [model_version(place) for place in places[1:]]]))
"""
    places, versions = json.loads(run(python, "-c", code, cwd=tmp_path))
    assert all(Path(place).is_relative_to(python.parents[1]) for place in places)
    assert all(len(version) == 12 for version in versions)


def test_a_missing_extra_is_named(python: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [python.parent / "inspectd", "topics", "create"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    assert "pip install 'inspectd[stack]'" in said.stderr


def test_importing_the_daemon_is_light() -> None:
    """Counted in modules, not in seconds, which depend on the machine."""
    code = f"import sys, inspectd; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(sys.executable, "-c", code, cwd=ROOT).strip() == "[]"
    assert importlib.util.find_spec("torch") is not None, "the tests' own environment has the models' extra"
