"""Masked self-distillation: a student that sees part of a picture says what its averaged self sees in all of it.

After DINO (arXiv 2104.14294), iBOT (arXiv 2111.07832) and DINOv2 (arXiv 2304.07193): the teacher is the moving average
of the student; both end in a head whose scores over K prototypes are compared by cross-entropy, of the class token
across two views and of hidden patches within a view. The teacher's scores are balanced by Sinkhorn-Knopp (SwAV, arXiv
2006.09882) and class tokens are kept apart by KoLeo (arXiv 1806.03198), so that the trivial answer, the same for every
picture, does not pay. It knows no data and no schedule.

Chosen among three, each five minutes of wall time on a crowded core from the same random weights, on magnetic tiles (one
fold, one seed), by image AUROC, pixel AUROC and pixel AP of a memory of good parts. With 128 x 4 layers and patches of 8,
then 192 x 6 layers and patches of 16: this one 0.45, 0.52, 0.025 (173 steps) and 0.48, 0.54, 0.023 (452); pixels of hidden
patches (SimMIM, arXiv 2111.09886) 0.45, 0.54, 0.026 (315) and 0.49, 0.53, 0.025 (593); features of hidden patches
(data2vec, arXiv 2202.03555) 0.44, 0.48, 0.021 (233), the first shape only; the random weights 0.41, 0.49, 0.020 and 0.45,
0.51, 0.022. The first two are not told apart by one fold, so the one that DINOv2 itself was trained with is kept:
pretrained weights can go on with it. Five minutes are too few for either: the detail branch of the shipped expert reached
0.58, 0.67, 0.039 there.
"""

import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.region_expert.pretraining.views import Views


@dataclass(frozen=True, slots=True)
class Recipe:
    """Numbers of the objective."""

    prototypes: int = 512
    hidden: int = 512  # width of the head
    bottleneck: int = 96
    student_temperature: float = 0.1
    teacher_temperature: float = 0.06
    koleo: float = 0.1  # weight
    patch: float = 1.0  # weight of the loss of hidden patches beside that of class tokens


class Losses(NamedTuple):
    """Scalars."""

    total: Tensor
    picture: Tensor  # cross-entropy of class tokens
    patch: Tensor  # cross-entropy of hidden patches


class Head(nn.Module):
    """Tokens [..., C] to scores [..., K]: cosines between a projection and the prototypes."""

    def __init__(self, width: int, recipe: Recipe) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, recipe.hidden),
            nn.GELU(),
            nn.Linear(recipe.hidden, recipe.hidden),
            nn.GELU(),
            nn.Linear(recipe.hidden, recipe.bottleneck),
        )
        self.prototypes = nn.Parameter(torch.randn(recipe.prototypes, recipe.bottleneck))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        directions = functional.normalize(self.layers(tokens).float(), dim=-1)
        return directions @ functional.normalize(self.prototypes, dim=-1).T


class Distillation(nn.Module):
    """Student and teacher of one Dinov2Model or Dinov2WithRegistersModel; the teacher is what training is for."""

    def __init__(self, backbone: nn.Module, recipe: Recipe | None = None) -> None:
        super().__init__()
        self.recipe = recipe or Recipe()
        self.student: Any = backbone
        config: Any = backbone.config
        self.prefix = 1 + int(getattr(config, "num_register_tokens", 0))  # class token and registers come first
        self.head = Head(int(config.hidden_size), self.recipe)
        self.teacher: Any = copy.deepcopy(backbone).eval().requires_grad_(False)
        self.teacher_head = copy.deepcopy(self.head).eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Distillation":
        """The teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        self.teacher_head.eval()
        return self

    def forward(self, views: Views) -> Losses:
        """The losses of a batch of views; gradients reach the student and its head."""
        with torch.no_grad():
            seen = self.teacher(pixel_values=views.pixels).last_hidden_state
            whole = self.teacher_head(seen[:, 0])  # [2B, K]
            parts = self.teacher_head(seen[:, self.prefix :][views.hidden])  # [M, K]
            temperature = self.recipe.teacher_temperature
            first, second = sinkhorn(whole, temperature).chunk(2)
            wanted_parts = sinkhorn(parts, temperature)
        guess = self.student(pixel_values=views.pixels, bool_masked_pos=views.hidden).last_hidden_state
        token = guess[:, 0]
        picture = self._entropy(self.head(token), torch.cat([second, first]))  # each view answers for the other
        patch = self._entropy(self.head(guess[:, self.prefix :][views.hidden]), wanted_parts)
        apart = sum(koleo(part) for part in token.float().chunk(2))
        total = picture + self.recipe.patch * patch + self.recipe.koleo * apart
        return Losses(total, picture.detach(), patch.detach())

    def _entropy(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """Mean cross-entropy of scores [N, K] against probabilities [N, K]."""
        log = functional.log_softmax(scores / self.recipe.student_temperature, dim=-1)
        return -(wanted * log).sum(dim=-1).mean()

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Moves the teacher towards the student: `momentum` is what it keeps of itself."""
        for ours, theirs in ((self.teacher, self.student), (self.teacher_head, self.head)):
            for old, new in zip(ours.parameters(), theirs.parameters(), strict=True):
                old.lerp_(new, 1 - momentum)


def sinkhorn(scores: Tensor, temperature: float, rounds: int = 3) -> Tensor:
    """Cosines [N, K] to probabilities [N, K] that use every prototype alike (SwAV, listing 1).

    Each row sums to 1; after enough rounds each column would sum to N / K.
    """
    share = torch.exp((scores.float() - scores.float().max()) / temperature).T  # [K, N]
    for _ in range(rounds):
        share = share / share.sum(dim=1, keepdim=True).clamp_min(1e-12) / share.shape[0]
        share = share / share.sum(dim=0, keepdim=True).clamp_min(1e-12) / share.shape[1]
    return (share * share.shape[1]).T


def koleo(tokens: Tensor) -> Tensor:
    """Low when no two of the tokens [B, C] are alike: minus the mean log distance to the nearest other one."""
    if len(tokens) < 2:
        return tokens.sum() * 0
    unit = functional.normalize(tokens, dim=-1, eps=1e-6)
    with torch.no_grad():
        nearest = (unit @ unit.T).fill_diagonal_(-2).argmax(dim=1)
    distance = (unit - unit[nearest]).square().sum(dim=1).add(1e-8).sqrt()
    return -distance.log().mean()
