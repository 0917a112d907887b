"""The Triton Inference Server with the three models, on the CPU, started from a wheel. See `triton_files` for its parts."""

import hashlib
import signal
from collections.abc import Mapping
from pathlib import Path

import httpx

from inspectd.stack import triton_files
from inspectd.stack.download import Cache, Say
from inspectd.stack.ports import HOST
from inspectd.stack.process import Launch

USUAL_PORTS = {"triton": 8001, "triton_http": 8000, "triton_metrics": 8002}

#: Where Triton's Python backend keeps tensors between its processes.
_SHARED_MEMORY = Path("/dev/shm")


class Triton:
    """One tritonserver on loopback."""

    name = "triton"
    ready_timeout_s = 300.0
    stop_signal = signal.SIGTERM
    stop_timeout_s = 15.0

    def __init__(
        self, *, state_dir: Path, cache: Cache, ports: dict[str, int], checkpoints: Mapping[str, Path | None]
    ) -> None:
        self._place = state_dir / "triton"
        self._references = state_dir / "references"
        self._cache = cache
        self.ports = ports
        self._checkpoints = checkpoints
        # a prefix of our own, so that what a killed server left is known to be ours
        digest = hashlib.sha256(str(state_dir).encode()).hexdigest()[:12]
        self._shared_prefix = f"triton_python_backend_shm_region_inspectd_{digest}_"

    @property
    def url(self) -> str:
        """What TritonSettings.url takes."""
        return f"{HOST}:{self.ports['triton']}"

    def prepare(self, say: Say) -> Launch:
        """Fetches the server, makes the overlay environment and writes the model repository."""
        triton_files.check_machine()
        server = triton_files.server(self._cache, say)
        overlay = triton_files.overlay(self._cache, say)
        repository = self._place / "repository"
        self._references.mkdir(parents=True, exist_ok=True)
        content = triton_files.write_repository(repository, self._checkpoints, self._references)
        options = {
            "--model-repository": str(repository),
            # explicit, so that a model whose process died can be loaded again
            "--model-control-mode": "explicit",
            "--load-model": "*",
            "--backend-directory": str(server / "backends"),
            "--backend-config": f"python,shm-region-prefix-name={self._shared_prefix}",
            "--allow-gpu-metrics": "false",
            "--http-address": HOST,
            "--http-port": str(self.ports["triton_http"]),
            "--grpc-address": HOST,
            "--grpc-port": str(self.ports["triton"]),
            "--metrics-address": HOST,
            "--metrics-port": str(self.ports["triton_metrics"]),
            "--exit-timeout-secs": "5",
        }
        program = str(server / "bin" / "tritonserver")
        # completing configurations would load every model twice
        backend = "--backend-config=python,stub-timeout-seconds=120"  # 30 are short where cores are busy
        argv = (
            program,
            "--disable-auto-complete-config",
            backend,
            *(f"{name}={value}" for name, value in options.items()),
        )
        environment = {
            # the stub takes its interpreter from the activated environment; PYTHONPATH is ignored
            "VIRTUAL_ENV": str(overlay),
            "PATH": f"{overlay / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "LD_LIBRARY_PATH": f"{server / 'libs'}:{triton_files.python_library()}",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        return Launch(argv, environment, fingerprint=" ".join(argv) + content)

    def probe(self) -> str:
        """Ready when every model is loaded and warm."""
        try:
            answer = httpx.get(f"http://{HOST}:{self.ports['triton_http']}/v2/health/ready", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return "loading the models"  # it opens its ports afterwards
        return "" if answer.status_code == httpx.codes.OK else "warming the models"

    def complete(self) -> None:
        """Nothing is made inside."""

    def clean(self) -> None:
        """Removes the shared memory of a server that was killed."""
        for region in _SHARED_MEMORY.glob(f"{self._shared_prefix}*"):
            region.unlink(missing_ok=True)

    def settings(self) -> dict[str, str]:
        """The server's address, that the models run there, and what `calibrate --memory` builds with and into."""
        found = {"triton.url": self.url, "vision.backend": "triton", "vision.references": str(self._references)}
        expert = self._checkpoints.get("region_expert")
        return found | ({"vision.expert_checkpoint": str(expert.expanduser().resolve())} if expert else {})
