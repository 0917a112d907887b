"""Qwen3.5 with region tokens: the same class at every size.

Region tokens replace `<|region|>` placeholders on the first pass; `input_ids` travel on beside the embeddings because
M-RoPE and the image placeholders, which the base class fills with what the vision tower makes of a crop, are computed from
them. Knows no text; `prompt.py` makes the inputs.
"""

from typing import Any

from torch import Tensor, nn
from transformers import Cache, Qwen3_5Config, Qwen3_5ForConditionalGeneration

from iad_unify.explainer.config import REFERENCE_FIELD
from iad_unify.explainer.projection import RegionProjection, put_in

#: Tokens that a processor reads together in a layer of linear attention. Prompts are of thirty to eighty tokens, and the
#: library's 64 would be filled up; the work inside a chunk grows with its square. Other devices keep to their kernels' own.
CHUNK_ON_CPU = 16


class RegionQwen(Qwen3_5ForConditionalGeneration):
    """`appearance [N, K, D]` and `geometry [N, 5]` hold the regions of the whole batch, row by row in prompt order.

    A model made for references also takes `reference [M, K, D]`, of the M regions where `referenced`, bool [N], is set.
    """

    def __init__(self, config: Qwen3_5Config) -> None:
        super().__init__(config)
        self.region_projection = RegionProjection(config)
        self.loss_type = "ForCausalLM"  # the base class looks it up by class name, which this one lacks
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, RegionProjection):  # visited after its Linears
            module.reset()

    def take_references(self) -> None:
        """Makes a model that was not made for references one that is, with untrained branches for them."""
        setattr(self.config, REFERENCE_FIELD, True)
        if self.region_projection.reference is None:
            self.region_projection.take_references()

    def embed(
        self,
        input_ids: Tensor,
        appearance: Tensor,
        geometry: Tensor,
        reference: Tensor | None = None,
        referenced: Tensor | None = None,
    ) -> Tensor:
        """Token embeddings `[B, T, H]` with the projected regions in place. ValueError when the counts differ."""
        embedded = self.get_input_embeddings()(input_ids)
        regions = self.region_projection.in_order(appearance, geometry, reference, referenced)  # [tokens, H]
        return put_in(embedded, input_ids == self.config.region_token_id, regions)

    # generate() checks its arguments against these names, so none may hide in **kwargs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        pixel_values: Tensor | None = None,
        pixel_values_videos: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        video_grid_thw: Tensor | None = None,
        mm_token_type_ids: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        use_cache: bool | None = None,
        appearance: Tensor | None = None,
        geometry: Tensor | None = None,
        reference: Tensor | None = None,
        referenced: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As the base class, with `appearance` and `geometry` of all regions; ValueError when one lacks the other."""
        first_pass = past_key_values is None or past_key_values.get_seq_length() == 0
        if inputs_embeds is None and input_ids is not None and first_pass and appearance is not None:
            if geometry is None:
                raise ValueError("appearance rows came without geometry")
            inputs_embeds = self.embed(input_ids, appearance, geometry, reference, referenced)
        if self.device.type == "cpu":
            kwargs.setdefault("chunk_size", CHUNK_ON_CPU)
        return super().forward(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            labels=labels,
            pixel_values=pixel_values,
            pixel_values_videos=pixel_values_videos,
            image_grid_thw=image_grid_thw,
            video_grid_thw=video_grid_thw,
            mm_token_type_ids=mm_token_type_ids,
            logits_to_keep=logits_to_keep,
            use_cache=use_cache,
            **kwargs,
        )
