"""The environment that peers are measured in, with anomalib, which is no dependency of ours; several gigabytes."""

import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Where it is made.
CACHE = ROOT / "build" / "benchmarks"
PEERS = ("anomalib==2.7.0", "onnxscript", "openvino")


def peers_python(cache: Path = CACHE) -> Path:
    """The interpreter of the environment, made if it is not there. Raises OSError, CalledProcessError."""
    place = cache / "anomalib"
    python, done = place / "bin" / "python", place / "complete"
    if not done.exists():
        here = (ROOT / ".tools" / "bin" / "uv", shutil.which("uv"))
        uv = next((str(path) for path in here if path and Path(path).exists()), None)
        if uv is None:
            raise FileNotFoundError("uv is not there: make .tools/bin/uv")
        subprocess.run([uv, "venv", "--quiet", "--allow-existing", str(place)], check=True)
        # the torch that ours runs in, so that it is not torch which is compared
        ours = [f"{name}=={version(name)}" for name in ("torch", "openvino")]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *ours, *PEERS], check=True, stdout=2)
        # conversion would report each model to its maker
        subprocess.run([uv, "pip", "uninstall", "--quiet", "--python", str(python), "openvino-telemetry"], check=True)
        done.touch()
    return python
