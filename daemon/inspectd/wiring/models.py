"""The models on Triton or in processes of our own, and what looks through them."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from iad_unify import resources
from iad_unify.catalog import SQUARE_TOO_SMALL
from inspectd.errors import Misconfigured, ModelFailed, Unavailable, Unreachable
from inspectd.metrics import Metrics
from inspectd.readiness import Probe
from inspectd.settings import Settings
from inspectd.tokens.cache import TokenCache
from inspectd.tokens.memory import MemoryTokenCache
from inspectd.vision.editor import DefectEditor
from inspectd.vision.expert import RegionExpert
from inspectd.vision.explainer import Explainer
from inspectd.vision.reference import ReferenceBuilder
from inspectd.vision.sight import Sight


@dataclass(frozen=True, slots=True)
class Models:
    """The three served models, wherever they run."""

    expert: RegionExpert
    explainer: Explainer
    editor: DefectEditor
    probes: dict[str, Probe]


async def open_models(settings: Settings, stack: AsyncExitStack) -> Models:
    """The models on Triton, or in processes of our own."""
    if settings.vision.backend == "triton":
        return await _triton_models(settings, stack)
    from inspectd.vision.local import LocalDefectEditor, LocalExplainer, LocalRegionExpert
    from inspectd.vision.process import ModelProcess

    vision = settings.vision
    explainer_checkpoint = vision.explainer_checkpoint or resources.weights("explainer")
    checkpoints = {
        "region_expert": vision.expert_checkpoint or resources.weights("region_expert"),
        "explainer": explainer_checkpoint,
        "defect_editor": vision.editor_checkpoint or resources.weights("defect_editor"),
    }
    names = {"region_expert": "expert", "explainer": "explainer", "defect_editor": "editor"}
    processes = {
        role: ModelProcess(
            role=role,
            checkpoint=checkpoint,
            setting=f"vision.{names[role]}_checkpoint",
            explainer=explainer_checkpoint if role == "defect_editor" else None,
            references=settings.references_dir if role == "region_expert" else None,
            threads=vision.threads,
            max_batch_size=vision.max_batch_size,
        )
        for role, checkpoint in checkpoints.items()
    }
    for process in processes.values():
        stack.push_async_callback(process.close)
    wanted = ["region_expert", *(["explainer"] if settings.explanations.enabled else [])]
    await asyncio.gather(*(processes[role].start() for role in wanted))  # the editor starts with its first job
    return Models(
        expert=LocalRegionExpert(process=processes["region_expert"]),
        explainer=LocalExplainer(process=processes["explainer"]),
        editor=LocalDefectEditor(process=processes["defect_editor"]),
        probes={"region_expert": processes["region_expert"].alive},
    )


async def _triton_models(settings: Settings, stack: AsyncExitStack) -> Models:
    from inspectd.vision.triton import TritonServer

    server = TritonServer(settings=settings.triton)
    stack.push_async_callback(server.close)
    return Models(server.expert, server.explainer, server.editor, {"triton": server.ready})


def open_reference_builder(settings: Settings, stack: AsyncExitStack) -> ReferenceBuilder:
    """A process of our own, also beside Triton: it needs torch and the checkpoint that is served."""
    from inspectd.vision.local import LocalReferenceBuilder
    from inspectd.vision.process import ModelProcess

    process = ModelProcess(
        role="references",
        checkpoint=settings.vision.expert_checkpoint or resources.weights("region_expert"),
        setting="vision.expert_checkpoint",
        references=settings.references_dir,
        threads=settings.vision.threads,
    )
    builder = LocalReferenceBuilder(process=process)
    stack.push_async_callback(builder.close)
    return builder


def open_sight(settings: Settings, models: Models, tokens: TokenCache, metrics: Metrics) -> Sight:
    """The expert's eyes, with the square of each camera."""
    return Sight(
        expert=models.expert,
        tokens=tokens,
        max_pixels=settings.frames.max_pixels,
        metrics=metrics,
        square_of=settings.vision.square_of,
        describe_reference=settings.vision.reference_tokens,
    )


async def first_look(settings: Settings, sight: Sight) -> None:
    """Asks the expert for its card at every square, so that what would fail in the first frame is told at the start.

    Raises Unreachable (the server is away), Unavailable, Misconfigured (a square is smaller than the expert's input).
    """
    vision = settings.vision
    try:
        for camera in ("", *vision.camera_square_px):
            await sight.card(camera)
    except ModelFailed as error:
        if SQUARE_TOO_SMALL not in str(error):
            raise
        sides = sorted({vision.square_px, *vision.camera_square_px.values()})
        raise Misconfigured(
            "vision.square_px", f"{', '.join(map(str, sides))}: {error}", "Set it, and vision.camera_square_px, higher"
        ) from error
    except Unavailable as error:
        if vision.backend != "triton":
            raise
        raise Unreachable(
            "triton.url",
            f"{settings.triton.url} does not answer ({error})",
            "Start Triton (inspectd stack up), or set INSPECTD_TRITON__URL",
        ) from error


async def open_tokens(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> TokenCache:
    """Redis when the settings name one, else a cache in this process."""
    if settings.redis.url.get_secret_value():
        from inspectd.tokens.redis import RedisTokenCache

        redis = RedisTokenCache(settings=settings.redis)
        stack.push_async_callback(redis.close)
        await redis.open()
        return redis
    return MemoryTokenCache(max_entries=settings.redis.max_entries, ttl_s=settings.redis.ttl_s)
