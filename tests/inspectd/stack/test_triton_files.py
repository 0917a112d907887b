"""What Triton is made of: machine checks, the repository's copy, what was fetched."""

import subprocess
from pathlib import Path

import pytest
from tests.services import CACHE

from iad_unify import resources
from inspectd.errors import Misconfigured
from inspectd.stack import triton_files
from inspectd.stack.download import Cache


def fake_checkpoint(folder: Path, content: str = "{}") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(content)
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.fixture
def checkpoints(tmp_path: Path) -> dict[str, Path | None]:
    return {role: fake_checkpoint(tmp_path / role) for role in resources.ROLES}


def test_the_repository_is_copied_with_the_checkpoints_in_it(
    tmp_path: Path, checkpoints: dict[str, Path | None]
) -> None:
    place = tmp_path / "repository"
    triton_files.write_repository(place, checkpoints, tmp_path / "references")
    expert = (place / "region_expert" / "config.pbtxt").read_text()
    editor = (place / "defect_editor" / "config.pbtxt").read_text()
    assert f'key: "checkpoint" value: {{ string_value: "{checkpoints["region_expert"]}" }}' in expert
    assert f'key: "references" value: {{ string_value: "{tmp_path / "references"}" }}' in expert
    assert f'key: "checkpoint" value: {{ string_value: "{checkpoints["defect_editor"]}" }}' in editor
    assert f'key: "explainer_checkpoint" value: {{ string_value: "{checkpoints["explainer"]}" }}' in editor
    assert (place / "region_expert" / "1" / "model.py").is_file()
    assert (place / "explainer" / "1" / "model.py").is_file()


def test_another_checkpoint_or_other_weights_are_another_identity(
    tmp_path: Path, checkpoints: dict[str, Path | None]
) -> None:
    place = tmp_path / "repository"
    first = triton_files.write_repository(place, checkpoints)
    assert triton_files.write_repository(place, checkpoints) == first
    moved = {**checkpoints, "region_expert": fake_checkpoint(tmp_path / "other")}
    assert triton_files.write_repository(place, moved) != first
    fake_checkpoint(tmp_path / "explainer", '{"trained": "again"}')
    assert triton_files.write_repository(place, checkpoints) != first


def test_a_checkpoint_that_is_not_there_is_told_by_its_option(
    tmp_path: Path, checkpoints: dict[str, Path | None]
) -> None:
    with pytest.raises(Misconfigured, match="--expert-checkpoint") as caught:
        triton_files.write_repository(tmp_path / "repository", {**checkpoints, "region_expert": tmp_path / "nowhere"})
    assert "iad-unify train region-expert" in caught.value.mend


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("platform.machine", "aarch64", "Linux aarch64"),
        ("platform.system", "Darwin", "Darwin"),
        ("platform.libc_ver", ("glibc", "2.31"), "glibc 2.35"),
        ("sys.version_info", (3, 13, 0), "Python 3.11 or 3.12"),
    ],
)
def test_a_machine_that_cannot_run_it_is_told_why_and_what_else_to_do(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, words: str
) -> None:
    monkeypatch.setattr(f"inspectd.stack.triton_files.{name}", (lambda: value) if "version_info" not in name else value)
    with pytest.raises(Misconfigured, match=words) as caught:
        triton_files.check_machine()
    assert "docker-compose" in caught.value.mend


def test_without_the_model_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_files, "installed_package", lambda name: None)
    with pytest.raises(Misconfigured, match=r"inspectd\[models\]"):
        triton_files.check_machine()


@pytest.mark.service("triton")
def test_the_models_environment_has_numpy_1_and_everything_else_of_ours() -> None:
    overlay = triton_files.overlay(Cache(CACHE.expanduser()), print)
    program = "import numpy, torch, iad_unify; print(numpy.__version__, iad_unify.__file__)"
    done = subprocess.run([overlay / "bin" / "python", "-c", program], capture_output=True, text=True, check=True)
    version, package = done.stdout.split()
    assert version == "1.26.4"
    assert Path(package).parent == Path(resources.__file__).parent


@pytest.mark.service("triton")
def test_the_server_has_its_python_backend_beside_it() -> None:
    server = triton_files.server(Cache(CACHE.expanduser()), print)
    assert (server / "bin" / "tritonserver").stat().st_mode & 0o111
    assert {file.name for file in (server / "backends" / "python").iterdir() if file.is_file()} == {
        "libtriton_python.so",
        "triton_python_backend_stub",
        "triton_python_backend_utils.py",
    }
