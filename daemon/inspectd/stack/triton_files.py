"""What Triton is made of on a machine without Docker: server, Python backend, overlay environment, model repository.

The server is inside the wheel nvidia-pytriton, which is fetched by version and hash and unzipped, never installed. Its
Python backend hands out empty tensors under numpy 2, silently; so the models run in an overlay environment with numpy
1.26 that otherwise sees what this environment has.
"""

import hashlib
import platform
import shutil
import site
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

from iad_unify import resources
from inspectd.errors import Misconfigured
from inspectd.stack.download import Cache, Say, find_uv, installed_package, pip, run

PYTRITON_VERSION = "0.7.0"
PYTRITON_SHA256 = "21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df"
PYTRITON_REQUIREMENT = f"nvidia-pytriton=={PYTRITON_VERSION} --hash=sha256:{PYTRITON_SHA256}\n"
#: The last numpy whose buffers this Python backend reads rightly.
NUMPY_REQUIREMENT = "numpy==1.26.4"

_DOCKER = "Use docker-compose.yml there, or leave Triton out: stack up --services kafka,redis"


def check_machine() -> None:
    """Raises Misconfigured, with a way out, where this Triton cannot run."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Misconfigured(
            "triton", f"its wheel is for Linux x86-64, not {platform.system()} {platform.machine()}", _DOCKER
        )
    name, version = platform.libc_ver()
    if name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) < (2, 35):
        raise Misconfigured("triton", f"it needs glibc 2.35, this machine has {version}", _DOCKER)
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        raise Misconfigured("triton", f"it needs Python 3.11 or 3.12, not {platform.python_version()}", _DOCKER)
    if installed_package("torch") is None:
        raise Misconfigured("triton", "the model libraries are not installed", "pip install 'inspectd[models]'")


def server(cache: Cache, say: Say) -> Path:
    """A folder with bin/tritonserver, backends/python (with the stub of this Python beside it) and libs."""

    def build(place: Path) -> None:
        say(f"fetching Triton (nvidia-pytriton {PYTRITON_VERSION}, 55 MB)")
        requirements = place / "requirements.txt"
        requirements.write_text(PYTRITON_REQUIREMENT)
        options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(requirements)]
        run(
            [*pip(cache), "download", *options, "-d", str(place)],
            setting="triton",
            mend="See that the Python package index is reachable",
        )
        (wheel,) = place.glob("*.whl")
        _unzip(wheel, place)
        wheel.unlink()

    return cache.get(f"triton-{PYTRITON_VERSION}-python{_python_version()}", build)


def _unzip(wheel: Path, place: Path) -> None:
    stub = f"pytriton/tritonserver/python_backend_stubs/{_python_version()}/triton_python_backend_stub"
    moves = {
        "pytriton/tritonserver/bin/": "bin",
        "pytriton/tritonserver/backends/python/": "backends/python",
        "nvidia_pytriton.libs/": "libs",
        stub: "backends/python",
    }
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            for prefix, folder in moves.items():
                if member.filename.startswith(prefix) and not member.is_dir():
                    target = place / folder / Path(member.filename).name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, target.open("wb") as sink:
                        shutil.copyfileobj(source, sink)
                    target.chmod(0o755)


def overlay(cache: Cache, say: Say) -> Path:
    """A virtual environment with numpy 1.26 before everything that this environment has."""
    places = site.getsitepackages()

    def build(place: Path) -> None:
        say(f"making the environment of the models ({NUMPY_REQUIREMENT})")
        run(
            [sys.executable, "-m", "venv", "--without-pip", str(place)],
            setting="triton",
            mend="Install the venv module of this Python (Debian: apt install python3-venv)",
        )
        python = place / "bin" / "python"
        mend = "See that the Python package index is reachable"
        if uv := find_uv():
            run(
                [uv, "pip", "install", "--quiet", "--python", str(python), NUMPY_REQUIREMENT],
                setting="triton",
                mend=mend,
            )
        else:
            options = ["--quiet", "--no-deps", "--only-binary", ":all:", NUMPY_REQUIREMENT]
            run([*pip(cache), "--python", str(python), "install", *options], setting="triton", mend=mend)
        packages = place / "lib" / f"python{_python_version()}" / "site-packages"
        # addsitedir rather than bare paths: it also follows the .pth files there, such as that of an editable install
        lines = [f"import site; site.addsitedir({folder!r})\n" for folder in places]
        (packages / "inspectd-environment.pth").write_text("".join(lines))

    key = hashlib.sha256("\n".join([sys.executable, sys.version, NUMPY_REQUIREMENT, *places]).encode()).hexdigest()[:16]
    return cache.get_in_place(f"triton-overlay-{key}", build)


def python_library() -> Path:
    """The folder of this Python's shared library, which the stub loads. Raises Misconfigured."""
    name = str(sysconfig.get_config_var("INSTSONAME") or f"libpython{_python_version()}.so.1.0")
    version = _python_version()
    folders = [
        Path(str(sysconfig.get_config_var("LIBDIR"))),
        Path(sys.base_prefix) / "lib",
        Path("/usr/lib/x86_64-linux-gnu"),
    ]
    for folder in folders:
        if (folder / name).is_file() or (folder / f"libpython{version}.so.1.0").is_file():
            return folder
    raise Misconfigured(
        "triton", f"libpython{version}.so was not found", f"Install it (Debian: apt install libpython{version})"
    )


def write_repository(place: Path, checkpoints: Mapping[str, Path | None], references: Path | None = None) -> str:
    """Copies the model repository and writes the checkpoints into its configurations; returns what identifies it.

    `references` is the folder that the region expert finds memories of good parts in. An editor reads the explainer's
    hidden states, so it is told of the explainer's checkpoint too. Raises Misconfigured for a checkpoint that is not
    there.
    """
    found = {role: _checkpoint(role, checkpoints.get(role)) for role in resources.ROLES}
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(resources.repository(), place, ignore=shutil.ignore_patterns("__pycache__", ".keep"))
    identity = hashlib.sha256()
    for role, folder in found.items():
        configuration = place / role / "config.pbtxt"
        values = {"checkpoint": folder, "explainer_checkpoint": found["explainer"]}
        values |= {"references": references} if references else {}
        configuration.write_text(with_parameters(configuration.read_text(), values))
        for file in ("config.json", "model.safetensors"):
            status = (folder / file).stat()
            identity.update(f"{folder / file} {status.st_size} {status.st_mtime_ns}\n".encode())
    for path in sorted(place.rglob("*")):
        if path.is_file():
            identity.update(path.read_bytes())
    return identity.hexdigest()


def with_parameters(configuration: str, values: Mapping[str, Path]) -> str:
    """A config.pbtxt with the values of the parameters that it declares as empty."""
    for name, value in values.items():
        declared = f'key: "{name}" value: {{ string_value: "" }}'
        configuration = configuration.replace(declared, declared.replace('""', f'"{value}"'))
    return configuration


def _checkpoint(role: str, folder: Path | None) -> Path:
    place = (folder or resources.weights(role)).expanduser().resolve()
    if not all((place / file).is_file() for file in ("config.json", "model.safetensors")):
        option = {"region_expert": "--expert-checkpoint", "explainer": "--explainer-checkpoint"}
        raise Misconfigured(
            option.get(role, "--editor-checkpoint"),
            f"{place} is not a checkpoint folder",
            f"Train one: iad-unify train {role.replace('_', '-')} --out {place}",
        )
    return place


def _python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
