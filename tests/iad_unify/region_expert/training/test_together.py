"""Processes that train one expert by the clock: their clocks differ, their weights must not."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from iad_unify.region_expert.config import HEADS, ExpertConfig
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.squares import Labelled
from iad_unify.region_expert.training.trainer import Plan, Trainer

#: How far the second process believes to be, of 600 s: it came late from somewhere, or its processor is slower.
AHEAD_S = 400.0


class Squares:
    """A dark square on noise."""

    def next(self, rng: np.random.Generator) -> Labelled:
        rgb = rng.integers(90, 160, (64, 64, 3), dtype=np.uint8)
        labels = np.zeros((64, 64), np.uint8)
        labels[20:40, 20:40] = 1
        rgb[20:40, 20:40] //= 4
        return Labelled(rgb, labels, np.ones((64, 64), bool))


def train(state: Path) -> None:
    """What each process does; tells how far apart their weights are in the end."""
    torch.manual_seed(0)
    expert = RegionExpert(ExpertConfig(size=64, widths=(8, 16, 16, 16), trained_heads=HEADS))
    plan = Plan(state, minutes=10.0, steps=6, batch=2, crop=64, bf16=False, on_cpu=True)
    trainer = Trainer(expert, Squares(), [], plan, Console())
    trainer.done.seconds = AHEAD_S * trainer.accelerator.process_index
    trainer.run()
    weights = torch.cat([value.detach().flatten() for value in expert.parameters()])
    everybodys = trainer.accelerator.gather(weights[None])
    if trainer.accelerator.is_main_process:
        print(f"processes {len(everybodys)}, apart {float((everybodys - everybodys[0]).abs().max())}")


def test_processes_with_different_clocks_keep_equal_weights(tmp_path: Path) -> None:
    # what `accelerate launch` does for GPUs; for processors it starts one process, whatever number it is given
    command = [*(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")]
    command += [__file__, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "processes 2, apart 0.0" in done.stdout


if __name__ == "__main__":
    train(Path(sys.argv[1]))
