"""Times the region expert against anomalib's AnomalyDINO and PatchCore: one run, one machine, equal threads and input size.

    python tests/benchmarks/region_expert.py --cache ~/.cache/inspectd-benchmarks --record

Ours is the whole path of the served model, uint8 square in to regions, types and tokens out, with the checkpoint's every
branch, in torch and in its exports. A peer is its torch module from a normalised float picture to anomaly map and
score, without the preparation of the picture and without regions, which favours it; its weights are random, which
costs the same as trained ones. The peers live in an environment of their own in the cache folder, made with uv at the
first run (several gigabytes); where it cannot be made they are left out with a message, as with --no-peers.

Every contender stays loaded and they take turns, so that a machine that changes its pace changes it for all. Wall time
is what a camera waits for; processor time says how far another load on the machine disturbed it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from peers import CACHE, ROOT, peers_python

RESULTS = ROOT / "tests" / "benchmarks" / "RESULTS.md"
SIDE = 256
#: Side of AnomalyDINO's input: 256 is no multiple of its patch of 14; it cuts the rest off.
DINO_SIDE = 252
#: Normal patches in a peer's memory; PatchCore's default of a tenth of all patches is usually many times more.
BANK = 1000
#: Runs of a contender at its turn, after one that warms the caches up again.
TURN = 5

Run = Callable[[int], Any]  # of the frame of that number


def main() -> None:
    options = parsed()
    if options.worker:
        work({"ours": ours, "peers": peers}[options.worker](options), options)
        return
    sides = [[sys.executable, "ours"]]
    if not options.no_peers:
        try:
            sides.append([str(peers_python(options.cache)), "peers"])
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"no peers: their environment cannot be made ({error})", file=sys.stderr)
    rows = measure([start(python, side, options) for python, side in sides], options.repeats)
    text = report(rows, options)
    print(text)
    if options.record:
        rest = RESULTS.read_text(encoding="utf-8").partition("\n# ")  # the results of other benchmarks stay
        RESULTS.write_text(text.rstrip() + "\n" + "".join(rest[1:]), encoding="utf-8")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="exports, peers' environment")
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "models" / "weights" / "region_expert")
    parser.add_argument("--repeats", type=int, default=12, help=f"turns of every contender, {TURN} runs each")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--record", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    parser.add_argument("--worker", choices=("ours", "peers"), help=argparse.SUPPRESS)
    return parser.parse_args()


# What the contenders are


def ours(options: argparse.Namespace) -> dict[str, Run]:
    """The served model in each runtime, on drawings of which half have a defect, alone and beside a memory of good parts."""
    from iad_unify.catalog import EXPERT_SIZE
    from iad_unify.checkpoint import CheckpointError
    from iad_unify.geometry import Letterbox
    from iad_unify.procedural import PRODUCTS, draw
    from iad_unify.region_expert.export import network as export
    from iad_unify.region_expert.export import runtimes
    from iad_unify.serving.references import ReferenceService
    from iad_unify.serving.region_expert import RegionExpertService

    assert EXPERT_SIZE == SIDE
    letterbox = Letterbox.fit(SIDE, SIDE, SIDE).as_array()[None]
    batches = []
    for number in range(8):
        defects = ("stain", "hole") if number % 2 else ()
        drawing = draw(PRODUCTS[number % len(PRODUCTS)], np.random.default_rng(number), size=SIDE, defect_types=defects)
        batches.append({"IMAGE": drawing.image[None], "LETTERBOX": letterbox, "PROPOSAL": np.zeros((1, 2), np.float32)})

    def run_of(service: RegionExpertService, reference: bytes = b"") -> Run:
        named = {"REFERENCE": np.array([[reference]], dtype=object)} if reference else {}
        return lambda number: int(service.infer(batches[number % len(batches)] | named)["COUNT"][0, 0])

    good = [draw(PRODUCTS[0], np.random.default_rng(100 + number), size=SIDE).image for number in range(32)]
    shown = {"IMAGE": np.stack(good), "LETTERBOX": np.repeat(letterbox, len(good), axis=0)}
    references = options.cache / "references"
    memory = ReferenceService(options.checkpoint, references, options.threads).build(shown)["REFERENCE"][0]
    found = {"ours, torch f32": run_of(RegionExpertService(options.checkpoint, options.threads))}
    for runtime, precision in (("onnxruntime", "f32"), ("openvino", "f32"), ("openvino", "bf16")):
        place = options.cache / "exports" / f"{runtime}-{precision}"
        try:
            runtimes.read_record(options.checkpoint, runtime, place)
        except CheckpointError:
            export.export(options.checkpoint, runtime, place, precision)
        service = RegionExpertService(
            options.checkpoint, options.threads, runtime=runtime, exported=place, references=references
        )
        found[f"ours, {runtime} {precision}"] = run_of(service)
        found[f"ours, {runtime} {precision}, with a memory"] = run_of(service, memory)
    return found


def peers(options: argparse.Namespace) -> dict[str, Run]:
    """anomalib's modules in torch and OpenVINO; runs in their environment, where nothing of ours is installed."""
    import timm
    import torch

    warnings.simplefilter("ignore")  # of tracing and of old parts of anomalib
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    create = timm.create_model
    timm.create_model = lambda *words, **named: create(*words, **{**named, "pretrained": False})
    from anomalib.models.image.anomaly_dino.torch_model import AnomalyDINOModel
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel

    class Plain(torch.nn.Module):
        """Only the two tensors that inference is for."""

        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            model.memory_bank = torch.nn.functional.normalize(torch.randn(BANK, 384), dim=1)
            self.model = model

        def forward(self, picture: Any) -> Any:
            found = self.model(picture)
            return found.pred_score, found.anomaly_map

    contenders: dict[str, Run] = {}
    for name, model, side in (
        ("AnomalyDINO ViT-S/14", AnomalyDINOModel(), DINO_SIDE),
        ("PatchCore ResNet-18", PatchcoreModel(["layer2", "layer3"], "resnet18", pre_trained=False), SIDE),
    ):
        plain, picture = Plain(model).eval(), torch.randn(1, 3, side, side)
        contenders[f"{name} ({side}), torch f32"] = torch_run(plain, picture, bf16=False)
        contenders[f"{name} ({side}), torch bf16"] = torch_run(plain, picture, bf16=True)
        for precision, run in openvino_runs(plain, picture, options.threads).items():
            contenders[f"{name} ({side}), openvino {precision}"] = run
    return contenders


def torch_run(module: Any, picture: Any, *, bf16: bool) -> Run:
    import torch

    def run(_: int) -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            module(picture)

    return run


def openvino_runs(module: Any, picture: Any, threads: int) -> dict[str, Run]:
    """By precision, of a fixed shape, as ours."""
    import openvino as ov
    import torch

    with torch.inference_mode():
        converted = ov.convert_model(module, example_input=picture, input=list(picture.shape))
    runs: dict[str, Run] = {}
    for precision in ("f32", "bf16"):
        settings = {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }  # fmt: skip
        request = ov.Core().compile_model(converted, "CPU", settings).create_infer_request()
        runs[precision] = lambda _, request=request: request.infer([picture.numpy()])  # type: ignore[misc]
    return runs


# Taking turns


class Worker:
    """One environment's contenders in a process that waits for its turn."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.names: list[str] = self._answer()

    def turn(self, name: str) -> dict[str, list[float]]:
        assert self._process.stdin is not None
        print(name, file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{") or line.startswith("["):  # libraries print as well
                return json.loads(line)
        raise SystemExit(f"a worker ended: {self._process.wait()}")


def start(python: str, side: str, options: argparse.Namespace) -> Worker:
    words = [python, __file__, "--worker", side, "--threads", str(options.threads)]
    words += ["--cache", str(options.cache.resolve()), "--checkpoint", str(options.checkpoint.resolve())]
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"}
    if side == "ours":
        environment["PYTHONPATH"] = str(ROOT / "models")
    return Worker(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment))


def work(contenders: Mapping[str, Run], options: argparse.Namespace) -> None:
    """Answers turns until the input ends."""
    print(json.dumps(list(contenders)), flush=True)
    frame = 0
    for line in sys.stdin:
        run = contenders[line.strip()]
        run(frame)
        taken: dict[str, list[float]] = {"wall": [], "processor": []}
        for _ in range(TURN):
            frame += 1
            processor, wall = time.process_time(), time.perf_counter()
            run(frame)
            taken["wall"].append((time.perf_counter() - wall) * 1e3)
            taken["processor"].append((time.process_time() - processor) * 1e3)
        print(json.dumps(taken), flush=True)


def measure(workers: list[Worker], repeats: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of every run, by contender."""
    rows: dict[str, dict[str, list[float]]] = {}
    for _ in range(repeats):
        for worker in workers:
            for name in worker.names:
                row = rows.setdefault(name, {"wall": [], "processor": []})
                for kind, values in worker.turn(name).items():
                    row[kind] += values
    for worker in workers:
        worker.close()
    return rows


# What is told


def report(rows: Mapping[str, Mapping[str, list[float]]], options: argparse.Namespace) -> str:
    command = f"python tests/benchmarks/region_expert.py --repeats {options.repeats}"
    command += " --no-peers" if options.no_peers else ""
    lines = [
        "# Speed of the region expert",
        "",
        f"`{command}`, {options.threads} thread(s), input {SIDE} x {SIDE}, {machine()}.",
        "Ours is the whole path from the uint8 square to regions, types and tokens; a peer's is from a float picture to",
        f"anomaly map and score, with random weights and a memory of {BANK} patches.",
        "",
        "| contender | wall ms, median (quartiles) | processor ms, median |",
        "|---|---|---|",
    ]
    for name, row in rows.items():
        low, middle, high = np.percentile(row["wall"], (25, 50, 75))
        lines.append(f"| {name} | {middle:.1f} ({low:.1f} to {high:.1f}) | {np.median(row['processor']):.1f} |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Cores, and the vector instructions that decide over bf16."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    known = (("amx_bf16", "AMX-BF16"), ("avx512_bf16", "AVX512-BF16"), ("avx512f", "AVX512"), ("avx2", "AVX2"))
    best = next((name for flag, name in known if flag in flags), "no vector instructions known")
    return f"{os.cpu_count()} cores, {best}"


if __name__ == "__main__":
    main()
