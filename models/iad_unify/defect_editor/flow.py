"""The small editor: flow matching in pixel space, with noise and loss only inside the mask.

Network: pixels folded 2x2 into channels, `UNet2DConditionModel`, folded back. It predicts the change from the clean
crop and the velocity follows from it, because a small network that predicts velocity leaves noise on the picture.
Sources: flow matching, Lipman et al. 2022 (arXiv 2210.02747); predicting the picture, Li & He 2025 (arXiv 2511.13720).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from torch import Generator, Tensor, nn

from iad_unify.defect_editor.condition import ConditionProjection, ConditionSummary
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.editor import Crops

#: Noise level below which the velocity's denominator stays, so that nearly clean crops do not rule the loss.
SMALLEST_SIGMA = 0.1
#: Noise levels in training are sigmoid(normal(mean, 1)).
SIGMA_MEAN = 0.2
#: Standard deviations of the noise's constant part, over all channels and per channel. White noise alone leaves tone
#: to be decided spot by spot, and wide defects come out blotched.
TONE_SHARE, TINT_SHARE = 0.45, 0.15
#: noisy, clean, allowed, shape
INPUT_CHANNELS = 3 + 3 + 1 + 1
FOLD = 2


def draw_noise(shape: torch.Size, generator: Generator | None) -> Tensor:
    """Noise of unit variance [B, 3, S, S]: white, with a tone for the whole crop and a tint per channel."""
    rows, channels = shape[:2]
    white = torch.randn(shape, generator=generator)
    tone = torch.randn((rows, 1, 1, 1), generator=generator)
    tint = torch.randn((rows, channels, 1, 1), generator=generator)
    rest = math.sqrt(1 - TONE_SHARE**2 - TINT_SHARE**2)
    return rest * white + TONE_SHARE * tone + TINT_SHARE * tint


class FlowEditor(nn.Module):
    """See `Editor`. About 5 M parameters in the tiny configuration."""

    def __init__(self, config: EditorConfig) -> None:
        super().__init__()
        self.condition = ConditionProjection(config.hidden_size, config.condition_size)
        self.summary = ConditionSummary(config.hidden_size, config.condition_size)
        network: Any = UNet2DConditionModel(
            sample_size=config.crop // FOLD,
            in_channels=INPUT_CHANNELS * FOLD**2,
            out_channels=3 * FOLD**2,
            block_out_channels=config.block_channels,
            layers_per_block=1,
            down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
            mid_block_type="UNetMidBlock2DCrossAttn",
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            cross_attention_dim=config.condition_size,
            attention_head_dim=config.attention_heads,
            norm_num_groups=config.norm_groups,
            class_embed_type="simple_projection",  # the summary joins the time embedding
            projection_class_embeddings_input_dim=config.condition_size,
            resnet_time_scale_shift="scale_shift",
        )
        self.network = network
        for parameter in network.conv_out.parameters():
            nn.init.zeros_(parameter)  # the first prediction is "no change"

    def learned(self) -> Iterator[tuple[str, nn.Parameter]]:
        """All of it: the editor is trained from scratch."""
        yield from self.named_parameters()

    def change(self, noisy: Tensor, sigma: Tensor, crops: Crops, keep: Tensor) -> Tensor:
        """The predicted difference of target and clean crop, [B, 3, S, S]; `sigma` [B]."""
        tokens, real = self.condition(crops.hidden, crops.real, keep)
        stacked = torch.cat([noisy, crops.clean, crops.allowed * 2 - 1, crops.shape * 2 - 1], dim=1)
        folded = functional.pixel_unshuffle(stacked, FOLD).contiguous(memory_format=torch.channels_last)
        answer = self.network(
            folded,
            sigma * 1000,
            encoder_hidden_states=tokens,
            encoder_attention_mask=real,
            class_labels=self.summary(crops.hidden, crops.real, keep),
        )
        return functional.pixel_shuffle(answer.sample.float(), FOLD)

    def training_loss(self, crops: Crops, target: Tensor, keep: Tensor) -> Tensor:
        """Squared error of the velocity inside the allowed area."""
        sigma = torch.sigmoid(torch.randn(len(target)) + SIGMA_MEAN).to(target.device)
        level = sigma[:, None, None, None]
        noise = draw_noise(target.shape, None).to(target.device)
        inside = crops.allowed.bool()
        noisy = torch.where(inside, (1 - level) * target + level * noise, crops.clean)
        change = self.change(noisy, sigma, crops, keep)
        # velocity = (noisy - picture) / sigma, so an error of the picture is divided by sigma
        error = (change - (target - crops.clean)) / level.clamp_min(SMALLEST_SIGMA)
        area = crops.allowed.sum((1, 2, 3)).clamp_min(1)
        of_crop = (error.square() * crops.allowed).sum((1, 2, 3)) / (3 * area)
        # neither thin scratches (weight by crop) nor wide stains (weight by pixel) rule the loss
        return (of_crop * area.sqrt()).sum() / area.sqrt().sum()

    @torch.no_grad()
    def generate(self, crops: Crops, steps: int, guidance: float, generator: Generator) -> Tensor:
        """Euler steps from pure noise inside the allowed area."""
        scheduler: Any = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)
        # explicit levels: the scheduler's own end one step early, at sigma 0.001
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps).tolist())
        inside = crops.allowed.bool()
        drawn = draw_noise(crops.clean.shape, generator).to(crops.clean.device)
        picture = torch.where(inside, drawn, crops.clean)
        for step, time in enumerate(scheduler.timesteps):
            sigma = scheduler.sigmas[step].to(picture).expand(len(picture))
            aim = crops.clean + self._guided_change(picture, sigma, crops, guidance)
            velocity = (picture - aim) / sigma[:, None, None, None]
            picture = torch.where(inside, scheduler.step(velocity, time, picture).prev_sample, crops.clean)
        return picture.clamp(-1, 1)

    def _guided_change(self, picture: Tensor, sigma: Tensor, crops: Crops, guidance: float) -> Tensor:
        with_text = torch.ones(len(crops), dtype=torch.bool, device=picture.device)
        if guidance == 1:
            return self.change(picture, sigma, crops, with_text)
        # both conditions in one pass: a small network costs nearly the same for twice the batch
        keep = torch.cat([with_text, ~with_text])
        both = self.change(torch.cat([picture, picture]), torch.cat([sigma, sigma]), crops.twice(), keep)
        change, without = both.chunk(2)
        return without + guidance * (change - without)
