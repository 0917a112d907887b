"""The explainer at full size with random weights: memory, tokens a second at several concurrencies, one LoRA step.

    python tests/benchmarks/full_size.py --device cuda
    python tests/benchmarks/full_size.py --shape tiny        # on a processor, to see that it runs

What weights say does not change how long they take. The shape of Qwen3.5-4B is written out here, since the classes'
defaults are those of 9B; it is from public listings, the vision tower and the tied embedding from the stated totals. Prompts
are the daemon's alert question about two regions, in the shipped tokenizer's ids, as many tokens as words; answers are cut off
at --tokens and never end before.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import PreTrainedTokenizerBase, Qwen3_5Config

from iad_unify import resources
from iad_unify.explainer import adapters
from iad_unify.explainer.config import region_fields, tiny_config, with_regions
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Batch, PromptWriter, Question
from iad_unify.explainer.storage import load
from iad_unify.explainer.training import answer_loss
from iad_unify.language.speech import VOICES

TEXT_4B: dict[str, Any] = {
    "hidden_size": 2560, "intermediate_size": 9216, "num_hidden_layers": 32, "num_attention_heads": 16,
    "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 248_320, "tie_word_embeddings": True,
    "max_position_embeddings": 262_144,
    "rope_parameters": {
        "rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.25, "mrope_interleaved": True,
        "mrope_section": [11, 11, 10],
    },
}  # fmt: skip
VISION_4B = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "out_hidden_size": 2560}
#: Of a region token; that of a DINOv2-small expert.
TOKEN_DIM = 384
#: Of the LoRA adapter.
RANK = 16
_GIB = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("4b", "tiny"), default="4b")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--concurrent", default="1,8,32", help="questions answered together")
    parser.add_argument("--tokens", type=int, default=48, help="of each answer")
    options = parser.parse_args()
    device = torch.device(options.device)
    _, tokenizer = load(resources.weights("explainer"))
    model = build(options.shape, tokenizer, device)
    writer = PromptWriter(tokenizer)
    count = sum(weight.numel() for weight in model.parameters())
    console = Console(width=110)
    console.print(
        f"{options.shape}: {count / 1e9:.3f} B parameters, {size_of(model) / _GIB:.2f} GiB, {name_of(device)}"
    )
    table = Table("concurrent", "tokens/s", "ms to the first token", "peak memory, GiB", title="answers")
    for level in (int(level) for level in options.concurrent.split(",")):
        table.add_row(str(level), *answer(model, writer.batch(questions(level)).to(device), options.tokens))
    console.print(table)
    console.print(learn(model, writer, device))


def build(shape: str, tokenizer: PreTrainedTokenizerBase, device: torch.device) -> RegionQwen:
    """The model in bf16, made where it is to be: on the processor first it would take its memory there."""
    config = tiny_config(tokenizer, TOKEN_DIM)
    if shape == "4b":
        words = {
            name: getattr(config, name)
            for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
        }
        config = with_regions(
            Qwen3_5Config(text_config=TEXT_4B, vision_config=VISION_4B, tie_word_embeddings=True, **words),
            region_fields(tokenizer, TOKEN_DIM),
        )
        config.text_config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with device:
            return RegionQwen(config).eval()
    finally:
        torch.set_default_dtype(default)


def questions(count: int) -> list[Question]:
    rng = np.random.default_rng(0)
    return [
        Question(VOICES["en"].question, rng.normal(size=(2, 3, TOKEN_DIM)), rng.uniform(0.1, 0.5, (2, 5)))
        for _ in range(count)
    ]


def answer(model: RegionQwen, batch: Batch, tokens: int) -> tuple[str, str, str]:
    """Tokens a second of all answers together, the time to the first one, and the most memory held."""

    def generate(length: int) -> None:
        with torch.inference_mode():
            model.generate(**batch.arguments(), max_new_tokens=length, do_sample=False, eos_token_id=None)

    generate(2)  # the first call is slow
    first, _ = measured(generate, 1)
    whole, most = measured(generate, tokens)
    return f"{len(batch.input_ids) * tokens / whole:.1f}", f"{1000 * first:.0f}", most


def learn(model: RegionQwen, writer: PromptWriter, device: torch.device) -> str:
    """One step of a rank-16 adapter on eight answers, with gradient checkpointing."""
    adapters.add(model, RANK)
    for weight in model.parameters():
        weight.requires_grad_(False)
    learnt = [*adapters.weights(model)]
    for weight in learnt:
        weight.requires_grad_(True)
    model.train().gradient_checkpointing_enable()
    optimiser = torch.optim.AdamW(learnt, lr=1e-4)
    asked = questions(8)
    rows = [(writer.ids(one.text, 2), writer.answer_ids("One large scratch at the top left.")) for one in asked]
    batch = writer.training_batch(asked, rows).to(device)

    def step(_: int) -> None:
        with torch.autocast(device.type, torch.bfloat16):
            loss = answer_loss(model, batch)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    step(0)
    took, most = measured(step, 0)
    many = sum(weight.numel() for weight in learnt)
    return (
        f"LoRA of rank {RANK}, {many / 1e6:.1f} M weights, a step of 8 answers: {1000 * took:.0f} ms, peak {most} GiB"
    )


def measured(run: Callable[[int], None], argument: int) -> tuple[float, str]:
    """Seconds, and the most memory of the device (- on a processor)."""
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    run(argument)
    if on_gpu:
        torch.cuda.synchronize()
    most = f"{torch.cuda.max_memory_allocated() / _GIB:.2f}" if on_gpu else "-"
    return time.perf_counter() - began, most


def size_of(model: RegionQwen) -> int:
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"


if __name__ == "__main__":
    main()
