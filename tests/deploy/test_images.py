"""The Dockerfiles: what they copy is there, what they run is ours, and nobody is root."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.deploy.artefacts import DEPLOY, ROOT, instructions

from iad_unify.resources import ROLES
from inspectd.api.exposure import load_certificate
from inspectd.stack import triton
from inspectd.stack.triton_files import NUMPY_REQUIREMENT

DOCKERFILES = sorted(DEPLOY.glob("*.Dockerfile"))
IDS = [file.name for file in DOCKERFILES]


def text_of(name: str, instruction: str) -> list[str]:
    return [rest for word, rest in instructions(DEPLOY / name) if word == instruction]


@pytest.mark.parametrize("file", DOCKERFILES, ids=IDS)
def test_what_is_copied_is_there_and_reaches_the_builder(file: Path) -> None:
    allowed = (DEPLOY / f"{file.name}.dockerignore").read_text().splitlines()
    for rest in text_of(file.name, "COPY"):
        *sources, _ = [word for word in rest.split() if not word.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists(), f"{file.name} copies {source}"
            assert f"!{source}" in allowed, f"{file.name}.dockerignore keeps {source} from the builder"


@pytest.mark.parametrize("file", DOCKERFILES, ids=IDS)
def test_the_base_image_is_pinned(file: Path) -> None:
    for image in text_of(file.name, "FROM"):
        assert re.search(r":\d+\.\d+[\w.-]*$", image), f"{image} can change under us"


@pytest.mark.parametrize("file", DOCKERFILES, ids=IDS)
def test_it_does_not_run_as_root(file: Path) -> None:
    users = text_of(file.name, "USER")
    assert users
    assert users[-1] not in ("root", "0")


@pytest.mark.parametrize("file", DOCKERFILES, ids=IDS)
def test_everything_is_installed_as_the_tests_ran_with_it(file: Path) -> None:
    ours = [rest for rest in text_of(file.name, "RUN") if "pip install" in rest]
    assert ours
    assert all("-c constraints.txt" in rest for rest in ours)


def test_the_daemon_has_the_clients_and_no_torch() -> None:
    assert any("'.[stack]'" in rest for rest in text_of("daemon.Dockerfile", "RUN"))


def test_triton_gets_the_numpy_that_its_python_backend_reads() -> None:
    (run,) = [rest for rest in text_of("triton.Dockerfile", "RUN") if "pip install" in rest]
    last = run.split("pip install")[-1]
    assert NUMPY_REQUIREMENT in last, "numpy comes last, or another requirement replaces it"


def test_triton_is_started_with_the_options_of_the_stack() -> None:
    (command,) = text_of("triton.Dockerfile", "CMD")
    options = re.findall(r"--[a-z-]+", command)
    assert options
    assert all(option in Path(triton.__file__).read_text() for option in options)


def test_the_image_serves_the_folders_that_can_be_mounted(tmp_path: Path) -> None:
    """Runs the Dockerfile's own line that writes the model repository."""
    (line,) = [rest for rest in text_of("triton.Dockerfile", "RUN") if "write_repository" in rest]
    code = re.search(r'-c "(.*)"', line).group(1)  # type: ignore[union-attr]
    for role in ROLES:
        folder = tmp_path / "weights" / role
        folder.mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (folder / name).write_text("{}")
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    for role in ROLES:
        configuration = (tmp_path / "repository" / role / "config.pbtxt").read_text()
        assert f'key: "checkpoint" value: {{ string_value: "{tmp_path / "weights" / role}" }}' in configuration
    (command,) = text_of("triton.Dockerfile", "CMD")
    assert "--model-repository=/opt/inspectd/repository" in command


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_certificate_is_one_that_the_daemon_takes_and_is_kept(tmp_path: Path) -> None:
    command = [DEPLOY / "make-certificate", tmp_path, "daemon"]
    subprocess.run(command, check=True, capture_output=True)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    loaded = load_certificate("api", certificate, key)
    assert loaded is not None
    assert key.stat().st_mode & 0o077 == 0
    said = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert all(name in said for name in ("DNS:daemon", "DNS:localhost", "127.0.0.1"))
    subprocess.run(command, check=True, capture_output=True)
    assert certificate.read_bytes() == loaded.chain
