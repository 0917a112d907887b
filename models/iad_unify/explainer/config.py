"""Sizes of the explainer: the tiny default, and what region tokens add to a full-size configuration.

Knows numbers only; the classes that read them are in `model.py`.
"""

from transformers import PreTrainedTokenizerBase, Qwen3_5Config

from iad_unify.catalog import APPEARANCE_ROWS

#: Placeholder in a prompt that a projected region token replaces.
REGION_TOKEN = "<|region|>"
#: Placeholder in a prompt that a piece of the crop replaces, where there is one.
IMAGE_TOKEN = "<|image_pad|>"
#: Placeholders per region: one for its appearance, one for its geometry. Geometry in a token of its own is what makes
#: location learnable: concatenated with appearance it stays at chance.
TOKENS_PER_REGION = 2
#: Further ones in a prompt with references, of a model made for them: what a good part looks like there, and the difference.
TOKENS_PER_REFERENCE = 2
#: The field of a configuration that says so.
REFERENCE_FIELD = "region_reference"
#: Most regions in one prompt, in order of score.
MAX_PROMPT_REGIONS = 8
#: Largest vocabulary of the tiny tokenizer; the embedding has room for all of it. With 1,280 entries an alert sentence takes
#: at most 30 tokens in each of the four languages, with 1,024 at most 34.
TINY_VOCABULARY = 1280


def region_fields(
    tokenizer: PreTrainedTokenizerBase, token_dim: int, rows: int = APPEARANCE_ROWS, octaves: int = 4
) -> dict[str, int]:
    """The fields that region tokens add to a `Qwen3_5Config`.

    `token_dim` is D of the expert's appearance rows, `rows` is K, `octaves` the number of Fourier frequencies that
    code each of the five geometry numbers. One more is added by `RegionQwen.take_references`.
    """
    return {
        "region_token_id": int(tokenizer.convert_tokens_to_ids(REGION_TOKEN)),
        "region_dim": token_dim,
        "region_rows": rows,
        "region_octaves": octaves,
    }


def takes_references(config: Qwen3_5Config) -> bool:
    """Whether a model of that configuration was made for reference tokens; one that says nothing was not."""
    return bool(getattr(config, REFERENCE_FIELD, False))


def with_regions(config: Qwen3_5Config, fields: dict[str, int]) -> Qwen3_5Config:
    """Add region fields to a loaded configuration, in place, and return it."""
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def reads_neighbours(config: Qwen3_5Config) -> bool:
    """Whether prompts tell the model what regions like these were confirmed as; one that was trained without says nothing."""
    return bool(getattr(config, "region_neighbours", False))


def set_neighbours(config: Qwen3_5Config, reads: bool) -> None:
    """Note it in a configuration, in place; without, a configuration stays as it was before there was the field."""
    if reads or reads_neighbours(config):
        config.region_neighbours = reads


def tiny_config(tokenizer: PreTrainedTokenizerBase, token_dim: int = 64, rows: int = APPEARANCE_ROWS) -> Qwen3_5Config:
    """About 2.9 M parameters: hidden 192, four layers (three linear attention, one full), vision 96 x 2.

    Every size is written out because the class defaults are those of the 9 B model.
    """
    ids = tokenizer.convert_tokens_to_ids
    hidden = 192
    text = {
        "vocab_size": max(TINY_VOCABULARY, len(tokenizer)),
        "hidden_size": hidden,
        "intermediate_size": 3 * hidden,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 48,
        "linear_num_key_heads": 4,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 32,
        "linear_value_head_dim": 48,
        "linear_conv_kernel_dim": 4,
        "full_attention_interval": 4,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        # sections (time, height, width) fill head_dim * partial_rotary_factor / 2 = 12 frequencies
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.5,
            "mrope_interleaved": True,
            "mrope_section": [4, 4, 4],
        },
        "pad_token_id": ids("<|endoftext|>"),
        "eos_token_id": ids("<|im_end|>"),
    }
    vision = {
        "depth": 2,
        "hidden_size": 96,
        "intermediate_size": 288,
        "num_heads": 4,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": hidden,
        "num_position_embeddings": 64,
    }
    return Qwen3_5Config(
        text_config=text,
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
        **region_fields(tokenizer, token_dim, rows),
    )
