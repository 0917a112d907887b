"""Words about an event that its regions confirm: asked of the explainer, checked, asked once more, else replaced.

It knows nothing of queues or states in a store; `explanations.writer` decides when an event gets its words.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from iad_unify.language.facts import TypeRule
from iad_unify.language.speech import VOICES
from inspectd.errors import NotFound
from inspectd.events.store import EventStore
from inspectd.evidence.store import EvidenceStore
from inspectd.explanations.grounding import facts_of, find_contradictions, language_of, template_sentence
from inspectd.records import DefectEvent, Explanation, ExplanationState, Origin, Region, RegionTokens
from inspectd.thresholds.decision import Thresholds
from inspectd.vision.explainer import Explainer, Question
from inspectd.vision.sight import Sight

#: Sampling temperature of the second try: the greedy answer was contradicted, so the same answer is no use.
SECOND_TRY_TEMPERATURE = 0.7
#: Most regions that are told to the explainer, strongest first.
MAX_REGIONS_TOLD = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer after verification, and whether its tokens came from the cache."""

    explanation: Explanation
    tokens_cached: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """What an answer stands on: the tokens that the model sees and the regions that its words are held against."""

    tokens: RegionTokens
    regions: tuple[Region, ...]
    cached: bool
    rule: TypeRule


@dataclass(frozen=True, slots=True)
class Draft:
    """The model's words before they are checked."""

    text: str
    model_version: str


class Narrator:
    """Answers questions about events; no sentence leaves it unchecked."""

    def __init__(
        self,
        *,
        explainer: Explainer,
        sight: Sight,
        thresholds: Thresholds,
        evidence: EvidenceStore,
        events: EventStore,
        language: str = "en",
        least_type_confidence: float = 0.0,
    ) -> None:
        self._explainer, self._sight, self._thresholds = explainer, sight, thresholds
        self._evidence, self._events = evidence, events
        self._language, self._alert_question = language, VOICES[language].question
        self._least_type_confidence = least_type_confidence

    async def describe(self, event: DefectEvent) -> Explanation:
        """The alert sentence. Raises NotFound (the picture is gone), Unavailable, ModelFailed."""
        ground = await self._ground(event)
        question = Question(self._alert_question, ground.tokens)
        return await self._check(question, ground, await self._complete(question), self._language)

    async def ask(self, event_id: str, question: str = "") -> AsyncIterator[str | Answer]:
        """Pieces of the model's text as they come, then the Answer. Raises as `describe`, and NotFound for the event."""
        ground = await self._ground(await self._events.get(event_id))
        asked = Question(question.strip() or self._alert_question, ground.tokens)
        text, version = "", ""
        async for piece in self._explainer.answer(asked):
            text, version = text + piece.text, piece.model_version
            yield piece.text
        explanation = await self._check(asked, ground, Draft(text.strip(), version))
        yield Answer(explanation, ground.cached)

    async def _ground(self, event: DefectEvent) -> Ground:
        """Tokens of the event's regions from the cache; when they expired, computed again from the kept picture."""
        sha256, camera, threshold = event.picture.sha256, event.camera_id, event.threshold
        card = await self._sight.card(camera)
        reference = await self._thresholds.reference_of(event.threshold_version, card)
        findings = await self._sight.recall(sha256, camera, threshold, reference)
        cached = findings is not None
        if findings is None:
            data = await self._evidence.get(sha256)
            findings = (await self._sight.look(data, sha256, camera, threshold, reference)).findings
        regions = event.regions
        if findings.model_version != event.model_version:  # another model sees other regions: its words stand on those
            regions = tuple(region for region in findings.regions if region.score >= event.threshold)
        if not regions:
            raise NotFound(f"model {findings.model_version} finds no region in the picture of event {event.event_id}")
        told = min(len(regions), MAX_REGIONS_TOLD)
        tokens = RegionTokens(findings.tokens.appearance[:told], findings.tokens.geometry[:told])
        return Ground(tokens, regions, cached, TypeRule(card.type_level, self._least_type_confidence))

    async def _check(
        self, question: Question, ground: Ground, draft: Draft, language: str | None = None
    ) -> Explanation:
        """The draft when nothing contradicts it, else a second draft, else the template's sentence.

        Without a `language` an answer may be in any; the template's is then in the question's.
        """
        facts = facts_of(ground.regions, ground.rule)
        attempts, contradictions = 1, find_contradictions(draft.text, facts, question.text, language)
        if contradictions:
            again = Question(question.text, question.tokens, SECOND_TRY_TEMPERATURE, seed=1)
            draft, attempts = await self._complete(again), 2
            contradictions = find_contradictions(draft.text, facts, question.text, language)
        if contradictions:
            return Explanation(
                state=ExplanationState.UNGROUNDED,
                text=template_sentence(facts, language or language_of(question.text, self._language)),
                origin=Origin.TEMPLATE,
                attempts=attempts,
                model_version=draft.model_version,
                contradictions=contradictions,
            )
        return Explanation(ExplanationState.READY, draft.text, Origin.MODEL_VERIFIED, attempts, draft.model_version)

    async def _complete(self, question: Question) -> Draft:
        text, version = "", ""
        async for piece in self._explainer.answer(question):
            text, version = text + piece.text, piece.model_version
        return Draft(text.strip(), version)
