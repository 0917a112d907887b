"""The explainer in two parts for vLLM: a plain Qwen3.5 that vLLM loads, and what makes prompt embeddings for it.

vLLM knows no region tokens, but it takes a prompt as embeddings. So the embedding table and the region projection stay with
us, small enough for a processor, and everything behind them is vLLM's. It knows no HTTP; `iad_unify.serving.vllm` does.
"""

import copy
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen3_5Config, Qwen3_5ForConditionalGeneration

from iad_unify.checkpoint import CARD, CONFIG, TENSORS, CheckpointError, read_card, write_card
from iad_unify.explainer.config import REFERENCE_FIELD
from iad_unify.explainer.crop import FIELD
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.projection import RegionProjection, put_in
from iad_unify.explainer.prompt import Batch
from iad_unify.explainer.storage import load, trained_card

#: The two folders of an export.
LANGUAGE_MODEL, PROMPTS = "language_model", "prompts"
_MEND = "write it with `iad-unify export --runtime vllm --checkpoint EXPLAINER --out FOLDER`"
_REGION_FIELDS = (
    "region_token_id",
    "region_dim",
    "region_rows",
    "region_octaves",
    "region_neighbours",
    REFERENCE_FIELD,
    FIELD,
)


class PromptEmbedder(nn.Module):
    """Prompts as embeddings, the same numbers that `RegionQwen` computes on its first pass."""

    def __init__(self, config: Qwen3_5Config) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.text_config.vocab_size, config.text_config.hidden_size)
        self.region_projection = RegionProjection(config)

    @torch.inference_mode()
    def forward(self, batch: Batch) -> list[Tensor]:
        """The embeddings [T, H] of each prompt of a padded batch, without its padding."""
        embedded = self.embed_tokens(batch.input_ids)
        regions = self.region_projection.in_order(batch.appearance, batch.geometry, batch.reference, batch.referenced)
        whole = put_in(embedded, batch.input_ids == self.config.region_token_id, regions)
        return [row[mask.bool()] for row, mask in zip(whole, batch.attention_mask, strict=True)]


def export(checkpoint: Path, out: Path) -> None:
    """Write FOLDER/language_model and FOLDER/prompts; raises CheckpointError, UntrainedHead for a checkpoint of no use."""
    card = trained_card(checkpoint)
    stored = torch.bfloat16 if card.config != "tiny" else torch.float32
    model, tokenizer = load(checkpoint, dtype=stored)
    _write_plain(model, tokenizer, out / LANGUAGE_MODEL)
    _write_prompts(model, tokenizer, out / PROMPTS)
    write_card(out / PROMPTS, card)


def load_prompts(folder: Path) -> tuple[PromptEmbedder, PreTrainedTokenizerBase]:
    """What `export` wrote into FOLDER/prompts; raises CheckpointError."""
    for name in (CONFIG, TENSORS, CARD):
        if not (folder / name).is_file():
            raise CheckpointError(folder, _MEND, f"{name} is missing")
    read_card(folder)
    try:
        embedder = PromptEmbedder(Qwen3_5Config.from_pretrained(folder))
        tensors = load_file(folder / TENSORS)
        embedder.to(tensors["embed_tokens.weight"].dtype).load_state_dict(tensors)
        return embedder.eval(), AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, SafetensorError) as error:
        raise CheckpointError(folder, _MEND, f"cannot be loaded ({error})") from error


def _write_plain(model: RegionQwen, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    config = Qwen3_5Config.from_dict(
        {name: value for name, value in model.config.to_dict().items() if name not in _REGION_FIELDS}
    )
    with torch.device("meta"):
        plain = Qwen3_5ForConditionalGeneration(config)
    tensors = {name: one for name, one in model.state_dict().items() if not name.startswith("region_projection.")}
    plain.load_state_dict(tensors, assign=True)
    plain.tie_weights()
    plain.generation_config = copy.deepcopy(model.generation_config)
    plain.generation_config.eos_token_id = int(tokenizer.eos_token_id)
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _write_prompts(model: RegionQwen, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = model.get_input_embeddings().weight.detach()
    tensors = {"embed_tokens.weight": table}
    tensors |= {f"region_projection.{name}": one for name, one in model.region_projection.state_dict().items()}
    save_file({name: one.contiguous().clone() for name, one in tensors.items()}, folder / TENSORS)
    (folder / TENSORS).chmod(0o644)  # safetensors writes files for their owner only
    config = copy.deepcopy(model.config)
    config.text_config.vocab_size = table.shape[0]
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
