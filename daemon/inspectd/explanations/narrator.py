"""Words about an event that its regions confirm: asked of the explainer, checked, asked once more, else replaced.

It knows nothing of queues or states in a store; `explanations.writer` decides when an event gets its words.
"""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from iad_unify.language.facts import Facts, TypeRule
from iad_unify.language.speech import VOICES, alternatives
from inspectd.confirmed.recall import ConfirmedRecall
from inspectd.confirmed.vote import Vote
from inspectd.errors import NotFound
from inspectd.events.store import EventStore
from inspectd.evidence.store import EvidenceStore
from inspectd.explanations.frame import KeptFrames
from inspectd.explanations.grounding import (
    cited,
    facts_of,
    find_contradictions,
    find_outvoted,
    names_type,
    template_sentence,
    told_language,
)
from inspectd.records import DefectEvent, Explanation, ExplanationState, Neighbour, Origin, Region, RegionTokens
from inspectd.revisit import revisit
from inspectd.thresholds.decision import Thresholds
from inspectd.vision.explainer import Explainer, Question
from inspectd.vision.sight import Sight

#: Sampling temperature of the second try: the greedy answer was contradicted, so the same answer is no use.
SECOND_TRY_TEMPERATURE = 0.7
#: An alert is read at a glance: it takes no more in any language. The sentence that cites an event comes after it.
ALERT_TOKENS = 40
#: Sentences from the start of a text that are whole.
_SENTENCES = re.compile(r".*[.!?。！？]", re.DOTALL)
#: Most regions that are told to the explainer, strongest first.
MAX_REGIONS_TOLD = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer after verification, and whether its tokens came from the cache."""

    explanation: Explanation
    tokens_cached: bool


@dataclass(frozen=True)
class Ground:
    """What an answer stands on: the tokens that the model sees and the regions that its words are held against."""

    tokens: RegionTokens
    regions: tuple[Region, ...]
    cached: bool
    rule: TypeRule  # by which type probabilities become the types that may be said
    votes: tuple[Vote, ...]  # of the regions that are told
    crop: NDArray[np.uint8] | None = None  # RGB [h, w, 3], the frame, where it is shown

    @property
    def confirmed(self) -> tuple[str, ...]:
        """What the model is told of the neighbours of each region."""
        return tuple(vote.confirmed for vote in self.votes)

    @cached_property
    def facts(self) -> Facts:
        """What words about the regions are held against; of the strongest one also what is cited of its neighbours."""
        return facts_of(self.regions, self.rule, self.votes[0])


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
        recall: ConfirmedRecall,
        language: str = "en",
        least_type_confidence: float = 0.0,
        frames: KeptFrames | None = None,
    ) -> None:
        self._explainer, self._sight, self._thresholds = explainer, sight, thresholds
        self._evidence, self._events = evidence, events
        self._language, self._alert_question = language, VOICES[language].question
        self._recall, self._least_type_confidence = recall, least_type_confidence
        self._frames = frames  # None: the explainer is shown regions alone

    async def describe(self, event: DefectEvent, within_s: float | None = None) -> Explanation:
        """The alert sentence, in the seconds that are given; None: it may take any time.

        Raises NotFound (the picture is gone), CalibrateAgain, Unavailable, TooLate, ModelFailed.
        """
        deadline = _deadline(within_s)
        ground = await self._ground(event)
        question = Question(
            self._alert_question,
            ground.tokens,
            is_alert=True,
            max_tokens=ALERT_TOKENS,
            confirmed=ground.confirmed,
            crop=ground.crop,
            deadline=deadline,
        )
        return await self._check(question, ground, await self._complete(question))

    async def ask(
        self, event_id: str, question: str = "", within_s: float | None = None
    ) -> AsyncIterator[str | Answer]:
        """The model's text, sentence by sentence as far as nothing contradicts it, then the Answer.

        No piece leaves unchecked: what is held back follows with the end, or the Answer replaces it. Raises as `describe`, and
        NotFound for the event.
        """
        deadline = _deadline(within_s)
        ground = await self._ground(await self._events.get(event_id))
        text = question.strip() or self._alert_question
        asked = Question(text, ground.tokens, confirmed=ground.confirmed, crop=ground.crop, deadline=deadline)
        text, version, checked, said = "", "", 0, 0  # two numbers of characters
        async for piece in self._explainer.answer(asked):
            text, version = (text + piece.text).lstrip(), piece.model_version
            whole = _SENTENCES.match(text)
            if whole is None or whole.end() == checked:
                continue
            checked = whole.end()
            if not self._contradictions(Draft(whole[0], version), asked, ground):
                yield text[said:checked]
                said = checked
        explanation = await self._check(asked, ground, Draft(text.strip(), version))
        stands = explanation.origin is Origin.MODEL_VERIFIED and explanation.text.startswith(text[:said])
        if stands and (rest := explanation.text[said:]):
            yield rest  # an event is cited after the model's words, or they are a second draft
        yield Answer(explanation, ground.cached)

    async def _ground(self, event: DefectEvent) -> Ground:
        """Tokens of the event's regions from the cache; when they expired, computed again from the kept picture."""
        sighting = await revisit(event, sight=self._sight, thresholds=self._thresholds, evidence=self._evidence)
        findings, regions = sighting.findings, event.regions
        if findings.model_version != event.model_version:  # another model sees other regions: its words stand on those
            regions = tuple(region for region in findings.regions if region.score >= event.threshold)
        if not regions:
            raise NotFound(f"model {findings.model_version} finds no region in the picture of event {event.event_id}")
        told = min(len(regions), MAX_REGIONS_TOLD)
        tokens = findings.tokens.strongest(told)
        votes = await self._recall.votes(event.event_id, event.camera_id, findings.model_version, regions, tokens)
        rule = TypeRule((await self._sight.card(event.camera_id)).type_level, self._least_type_confidence)
        crop = None if self._frames is None else await self._frames.of(event)
        return Ground(tokens, regions, sighting.cached, rule, votes, crop)

    async def _check(self, question: Question, ground: Ground, draft: Draft) -> Explanation:
        """The draft when nothing contradicts it, else a second draft, else the template's sentence.

        The second draft of an alert is held to sentences that are true: the model says which of the likely types it is,
        and in which words. What people ask has no such list, and is asked once more at a temperature.
        """
        strongest, facts = ground.votes[0], ground.facts
        spoken = (None if question.is_alert else told_language(question.text)) or self._language
        attempts, contradictions = 1, self._contradictions(draft, question, ground)
        if contradictions:
            choices = self._true_sentences(question, ground) if question.is_alert else ()
            again = replace(question, temperature=0.0 if choices else SECOND_TRY_TEMPERATURE, seed=1, choices=choices)
            draft, attempts = await self._complete(again), 2
            contradictions = self._contradictions(draft, question, ground)
        if contradictions:
            text = cited(template_sentence(facts, spoken), strongest, spoken)
        elif question.is_alert or names_type(draft.text, question.text):
            text = cited(draft.text, strongest, spoken)
        else:
            text = draft.text
        return Explanation(
            state=ExplanationState.UNGROUNDED if contradictions else ExplanationState.READY,
            text=text,
            origin=Origin.TEMPLATE if contradictions else Origin.MODEL_VERIFIED,
            attempts=attempts,
            model_version=draft.model_version,
            contradictions=contradictions,
            defect_type=strongest.defect_type,
            type_confidence=strongest.confidence,
            neighbours=_neighbours(ground),
        )

    def _contradictions(self, draft: Draft, question: Question, ground: Ground) -> tuple[str, ...]:
        """What the regions contradict; of an alert also what the confirmed neighbours outvote.

        An alert is in the daemon's language. A person's question is answered in its own, where it tells.
        """
        alert = question.is_alert
        language = self._language if alert else told_language(question.text)
        found = find_contradictions(draft.text, ground.facts, question.text, language, alert=alert)
        if found or not alert:
            return found
        return find_outvoted(draft.text, ground.facts, ground.votes[0], self._language)

    def _true_sentences(self, question: Question, ground: Ground) -> tuple[str, ...]:
        drafts = (Draft(text, "") for text in alternatives(ground.facts, self._language))
        return tuple(draft.text for draft in drafts if not self._contradictions(draft, question, ground))

    async def _complete(self, question: Question) -> Draft:
        text, version = "", ""
        async for piece in self._explainer.answer(question):
            text, version = text + piece.text, piece.model_version
        return Draft(text.strip(), version)


def _deadline(within_s: float | None) -> float | None:
    return None if within_s is None else time.monotonic() + within_s


def _neighbours(ground: Ground) -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(region.number, one.event_id, one.region, one.defect_type, one.similarity)
        for region, vote in zip(ground.regions, ground.votes, strict=False)
        for one in vote.neighbours
    )
