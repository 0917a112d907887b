"""The explainer with vLLM behind it, against a small server that speaks vLLM's completions API over HTTP.

The server continues prompt embeddings with the exported plain language model, so what comes out shows that both parts of the
export together are the explainer.
"""

import base64
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from transformers import AutoTokenizer, Qwen3_5ForConditionalGeneration

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.checkpoint import CheckpointError, UntrainedHead
from iad_unify.explainer import vllm as parts
from iad_unify.explainer.storage import write_random_checkpoint
from iad_unify.serving.answers import Answers
from iad_unify.serving.deadlines import TooLate
from iad_unify.serving.explainer import ExplainerService
from iad_unify.serving.vllm import VllmExplainer


class Continues:
    """Greedy completions of prompt embeddings, token by token, as vLLM streams them."""

    def __init__(self, folder: Path) -> None:
        self.model = Qwen3_5ForConditionalGeneration.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.bodies: list[dict[str, Any]] = []
        self.refuse = ""
        self.go_on = threading.Event()  # it says nothing until then
        self.go_on.set()
        self.under_way, self.most_under_way = 0, 0

    async def models(self, request: Request) -> Response:
        return JSONResponse({"data": [{"id": "explainer"}]})

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        if self.refuse:
            return JSONResponse({"error": {"message": self.refuse}}, status_code=400)
        return StreamingResponse(self._events(body), media_type="text/event-stream")

    def _events(self, body: dict[str, Any]) -> Iterator[str]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.go_on.wait(30)
        embedded = torch.load(io.BytesIO(base64.b64decode(body["prompt_embeds"])), weights_only=True)
        with torch.no_grad():
            ids = self.model.generate(
                inputs_embeds=embedded[None],
                attention_mask=torch.ones(1, len(embedded), dtype=torch.int64),
                max_new_tokens=body["max_tokens"],
                do_sample=False,
                eos_token_id=body["stop_token_ids"],
                pad_token_id=self.tokenizer.pad_token_id,
            )[0]
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        for piece in (text[at : at + 3] for at in range(0, len(text), 3)):
            yield f"data: {json.dumps({'choices': [{'text': piece}]})}\n\n"
        self.under_way -= 1
        yield "data: [DONE]\n\n"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("explainer"))


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported")
    parts.export(checkpoint, out)
    return out


@pytest.fixture
def server(exported: Path) -> Iterator[tuple[str, Continues]]:
    continues = Continues(exported / parts.LANGUAGE_MODEL)
    routes = [
        Route("/v1/models", continues.models),
        Route("/v1/completions", continues.complete, methods=["POST"]),
    ]
    running = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="error"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        thread.join(0.02)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", continues
    running.should_exit = True
    thread.join(10)


def request(regions: int, text: str = "Where is it?", tokens: int = 12) -> dict[str, Any]:
    random = np.random.default_rng(regions)
    return {
        "QUESTION": np.array([text.encode()], dtype=object),
        "APPEARANCE": random.normal(size=(regions, APPEARANCE_ROWS, 64)).astype(np.float16),
        "GEOMETRY": random.uniform(0.1, 0.5, size=(regions, 5)).astype(np.float32),
        "MAX_TOKENS": np.array([tokens], np.int32),
    }


def test_it_says_what_the_explainer_says(checkpoint: Path, exported: Path, server: tuple[str, Continues]) -> None:
    url, continues = server
    shown = {"CROP": np.zeros((64, 64, 3), np.uint8)}  # ignored by both
    asked = [request(1), request(3, "How many are there?"), request(0, "Is it good?") | shown]
    spoken: dict[str, list[list[tuple[str, bool]]]] = {}
    for name, service in (
        ("own", ExplainerService(checkpoint)),
        ("vllm", VllmExplainer(exported / parts.PROMPTS, url)),
    ):
        spoken[name] = [[] for _ in asked]
        service.generate(asked, lambda index, text, final, name=name: spoken[name][index].append((text, final)))
    texts = {name: ["".join(text for text, _ in row) for row in rows] for name, rows in spoken.items()}
    assert texts["vllm"] == texts["own"]
    assert all(texts["own"])
    assert [[final for _, final in row].count(True) for row in spoken["vllm"]] == [1, 1, 1]
    assert all(row[-1][1] for row in spoken["vllm"])
    assert continues.bodies[0]["model"] == "explainer"
    assert continues.bodies[0]["temperature"] == 0.0
    service.close()


def test_choices_are_passed_on_as_vllm_takes_them(exported: Path, server: tuple[str, Continues]) -> None:
    url, continues = server
    service = VllmExplainer(exported / parts.PROMPTS, url)
    choices = np.array([b"A scratch.", "긁힘.".encode()], dtype=object)
    service.generate([request(1, tokens=2) | {"CHOICES": choices}, request(1)], lambda index, text, final: None)
    held, free = continues.bodies
    assert held["structured_outputs"] == {"choice": ["A scratch.", "긁힘."]}
    assert held["max_tokens"] > 2
    assert "structured_outputs" not in free
    service.close()


class Asker:
    """A request that keeps its answer."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        self.tensors, self.text, self.over = tensors, "", threading.Event()
        self.error: Exception | None = None

    def send(self, text: str, final: bool) -> None:
        self.text += text
        if final:
            self.over.set()

    def fail(self, error: Exception) -> None:
        self.error = error
        self.over.set()

    def cancelled(self) -> bool:
        return False


def test_questions_that_wait_together_are_under_way_together(exported: Path, server: tuple[str, Continues]) -> None:
    url, continues = server
    service = VllmExplainer(exported / parts.PROMPTS, url)
    answers = Answers(service.generate, batch_size=1, most_waiting=8, workers=4)
    askers = [Asker(request(index % 3, tokens=24)) for index in range(6)]
    for asker in askers:
        answers.ask(asker)
    assert all(asker.over.wait(30) for asker in askers)
    assert [asker.error for asker in askers] == [None] * 6
    assert all(asker.text for asker in askers)
    assert continues.most_under_way > 1
    answers.close()
    service.close()


def test_what_vllm_refuses_reaches_the_one_who_asked(exported: Path, server: tuple[str, Continues]) -> None:
    url, continues = server
    service = VllmExplainer(exported / parts.PROMPTS, url)
    continues.refuse = "prompt embeds are not enabled"
    with pytest.raises(ConnectionError, match=r"400 .*prompt embeds are not enabled"):
        service.generate([request(1)], lambda index, text, final: None)
    service.close()


def test_a_question_waits_in_vllms_own_queue_no_longer_than_its_deadline(
    exported: Path, server: tuple[str, Continues]
) -> None:
    url, continues = server
    service = VllmExplainer(exported / parts.PROMPTS, url)
    continues.go_on.clear()
    late = Asker(request(1) | {"DEADLINE": np.array([200], np.int32)})
    answers = Answers(service.generate, batch_size=1, most_waiting=8, workers=2)
    answers.ask(late)
    assert late.over.wait(10)
    assert isinstance(late.error, TooLate)
    assert late.text == ""
    continues.go_on.set()
    answers.close()
    service.close()


def test_without_a_server_it_does_not_start(exported: Path) -> None:
    with pytest.raises(CheckpointError, match=r"http://127.0.0.1:9: no vLLM server .*; start it with `vllm serve"):
        VllmExplainer(exported / parts.PROMPTS, "http://127.0.0.1:9")


def test_a_checkpoint_that_was_not_exported_or_trained_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be loaded .*iad-unify export --runtime vllm"):
        parts.load_prompts(checkpoint)
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        parts.load_prompts(tmp_path)
    untrained = write_random_checkpoint(tmp_path / "untrained", trained=False)
    with pytest.raises(UntrainedHead):
        parts.export(untrained, tmp_path / "out")
