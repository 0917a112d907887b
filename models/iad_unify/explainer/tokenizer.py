"""Tokenizers: a small byte-level BPE trained on the project's own sentences, and `<|region|>` added to a full-size one.

The byte alphabet is always complete, so any UTF-8 text in any language can be read and written. Knows no model.
"""

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerBase, Qwen3_5Tokenizer
from transformers.models.qwen3_5.tokenization_qwen3_5 import PRETOKENIZE_REGEX

from iad_unify.explainer.config import REGION_TOKEN, TINY_VOCABULARY

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    REGION_TOKEN,
)

#: ChatML with two content types more than the stock template: `image` and `region` (one placeholder each).
CHAT_TEMPLATE = (
    "{%- for message in messages -%}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part.type == 'region' %}<|region|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif %}"
)
#: A full-size Qwen3.5 answers without a chain of thought when its turn opens with an empty one.
FULL_CHAT_TEMPLATE = CHAT_TEMPLATE.replace(
    "<|im_start|>assistant\n{%", "<|im_start|>assistant\n<think>\n\n</think>\n\n{%"
)


def train_tokenizer(corpus: Iterable[str], vocabulary: int = TINY_VOCABULARY) -> Qwen3_5Tokenizer:
    """Train a BPE of at most `vocabulary` entries on `corpus` (one text per item)."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return Qwen3_5Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
        chat_template=CHAT_TEMPLATE,
    )


def with_region_token(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Add `<|region|>` and the region-aware chat template to a full-size tokenizer, in place."""
    if tokenizer.convert_tokens_to_ids(REGION_TOKEN) in (None, tokenizer.unk_token_id):
        tokenizer.add_special_tokens({"additional_special_tokens": [REGION_TOKEN]}, replace_extra_special_tokens=False)
    thinks = "<think>" in tokenizer.get_vocab()
    tokenizer.chat_template = FULL_CHAT_TEMPLATE if thinks else CHAT_TEMPLATE
    return tokenizer
