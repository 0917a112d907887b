"""The full-size editor: a public latent inpainting model from diffusers, frozen, steered by our hidden states.

The folder or hub id has the layout of a Stable Diffusion inpainting pipeline (`unet`, `vae`, `scheduler`; 9 input
channels: noisy latents, mask, latents of the masked picture). Its text encoder is not used: a trained projection takes
the backbone's [B, T, H] to the network's cross-attention width. Only that projection is learned and stored.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as functional
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from torch import Generator, Tensor, nn

from iad_unify.checkpoint import CheckpointError
from iad_unify.defect_editor.condition import ConditionProjection
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.editor import Crops


class InpaintEditor(nn.Module):
    """See `Editor`. Raises CheckpointError when the public model is absent or of another kind."""

    def __init__(self, config: EditorConfig) -> None:
        super().__init__()
        mend = "name a local directory or hub id of a diffusers inpainting model"
        place = Path(config.source)
        if place.is_absolute() and not place.is_dir():  # no hub id looks like this, so do not ask the hub
            raise CheckpointError(place, mend, "there is no such directory")
        try:
            self.network = UNet2DConditionModel.from_pretrained(config.source, subfolder="unet")
            self.vae = AutoencoderKL.from_pretrained(config.source, subfolder="vae")
            self.noising = DDPMScheduler.from_pretrained(config.source, subfolder="scheduler")
        except (OSError, ValueError) as error:
            raise CheckpointError(config.source, mend, str(error).splitlines()[0]) from error
        latents = self.vae.config.latent_channels
        if self.network.config.in_channels != 2 * latents + 1:
            raise CheckpointError(config.source, mend, f"its network does not take {2 * latents + 1} channels")
        self.network.requires_grad_(False)
        self.vae.requires_grad_(False)
        self.condition = ConditionProjection(config.hidden_size, self.network.config.cross_attention_dim)

    def learned(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The projection and the null condition."""
        for name, parameter in self.condition.named_parameters():
            yield f"condition.{name}", parameter

    def training_loss(self, crops: Crops, target: Tensor, keep: Tensor) -> Tensor:
        """Squared error of what the public model predicts (noise or velocity), inside the allowed area."""
        latents = self._encode(target)
        noise = torch.randn_like(latents)
        times = torch.randint(0, self.noising.config.num_train_timesteps, (len(target),), device=target.device)
        noisy = self.noising.add_noise(latents, noise, times)
        aim = (
            noise
            if self.noising.config.prediction_type == "epsilon"
            else self.noising.get_velocity(latents, noise, times)
        )
        mask, masked = self._known(crops)
        error = (self._predict(noisy, times, mask, masked, crops, keep) - aim).square() * mask
        return error.sum() / (mask.sum() * latents.shape[1]).clamp_min(1)

    @torch.no_grad()
    def generate(self, crops: Crops, steps: int, guidance: float, generator: Generator) -> Tensor:
        """DDIM steps from noise; pixels outside the allowed area are the clean ones."""
        scheduler = DDIMScheduler.from_config(self.noising.config)
        scheduler.set_timesteps(steps)
        mask, masked = self._known(crops)
        latents = torch.randn(masked.shape, generator=generator).to(masked) * scheduler.init_noise_sigma
        with_text = torch.ones(len(crops), dtype=torch.bool, device=latents.device)
        for time in scheduler.timesteps:
            times = time.to(latents.device).expand(len(crops))
            answer = self._predict(latents, times, mask, masked, crops, with_text)
            if guidance != 1:
                without = self._predict(latents, times, mask, masked, crops, ~with_text)
                answer = without + guidance * (answer - without)
            latents = scheduler.step(answer, time, latents).prev_sample
        picture = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        return torch.where(crops.allowed.bool(), picture.clamp(-1, 1), crops.clean)

    def _encode(self, picture: Tensor) -> Tensor:
        return self.vae.encode(picture).latent_dist.mode() * self.vae.config.scaling_factor

    def _known(self, crops: Crops) -> tuple[Tensor, Tensor]:
        """The mask at the latents' size and the latents of the picture without the masked pixels."""
        masked = self._encode(crops.clean * (1 - crops.allowed))
        return functional.adaptive_max_pool2d(crops.allowed, masked.shape[-2:]), masked

    def _predict(
        self, noisy: Tensor, times: Tensor, mask: Tensor, masked: Tensor, crops: Crops, keep: Tensor
    ) -> Tensor:
        tokens, real = self.condition(crops.hidden, crops.real, keep)
        stacked = torch.cat([noisy, mask, masked], dim=1)
        return self.network(stacked, times, encoder_hidden_states=tokens, encoder_attention_mask=real).sample
