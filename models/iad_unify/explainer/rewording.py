"""More ways to ask, for training only: a model this small understands no word that it never saw in a question.

The sentences that `language.questions` keeps for tests are not among them; their words may be.
"""

import numpy as np

from iad_unify.language.questions import PARAPHRASES, QuestionKind

#: Openings that change nothing; the empty one is the most frequent.
OPENINGS = ("", "", "", "", "Please: ", "Tell me: ", "Operator asks: ", "Quick question: ", "Now: ", "Briefly: ")

MORE: dict[QuestionKind, tuple[str, ...]] = {
    QuestionKind.DESCRIBE: (
        "What did you find?",
        "What was found on this part?",
        "Report what is wrong.",
        "Report the defects.",
        "Why did the alarm go off?",
        "Why was the part rejected?",
        "Why is this frame flagged?",
        "Tell me about the defects.",
        "Tell me what you see here.",
        "What is the problem?",
        "What is the matter with the part here?",
        "Summarise the findings.",
        "Give me a summary.",
        "Describe this part in one sentence.",
        "One sentence about the defects.",
        "State the findings briefly.",
        "Describe the image.",
        "Is this part good or bad, and why?",
        "What happened here?",
        "Describe what was flagged.",
    ),
    QuestionKind.TYPE: (
        "Which type is {region}?",
        "What is the type of {region}?",
        "Type of {region}?",
        "Give the category of {region}.",
        "What category is {region}?",
        "To which class does {region} belong?",
        "What sort of defect is {region}?",
        "Which sort of anomaly is {region}?",
        "What flaw is {region}?",
        "What kind of flaw do you see in {region}?",
        "Say which type {region} is.",
        "Classify {region}.",
        "What would you call {region}?",
        "Which kind is {region}?",
        "Tell me the type of {region}.",
        "What is wrong at {region}?",
    ),
    QuestionKind.LOCATION: (
        "Where can I find {region}?",
        "Where is {region} located?",
        "Where on the part is {region}?",
        "Tell me where {region} is.",
        "Say where {region} lies.",
        "Point to {region}.",
        "What is the location of {region}?",
        "Give the position of {region}.",
        "Which position does {region} have?",
        "The position of {region}?",
        "In which corner or side does {region} lie?",
        "In which area is {region}?",
        "At what place is {region}?",
        "Whereabouts on the part is {region}?",
        "Where should I look for {region}?",
        "Show the whereabouts of {region}.",
        "Which part of the frame holds {region}?",
        "Position of {region}?",
    ),
    QuestionKind.SIZE: (
        "How big a defect is {region}?",
        "Size of {region}?",
        "What is the extent of {region}?",
        "How extended is {region}?",
        "Is {region} an extensive defect?",
        "How much area does {region} cover?",
        "Which size is {region}?",
        "Tell me the size of {region}.",
        "Say how large {region} is.",
        "Is {region} large or small?",
        "What size class is {region}?",
        "Which class of size is {region}?",
        "Which size does {region} have?",
        "Judge how big {region} is.",
        "Estimate the size of {region}.",
        "How small or large is {region}?",
        "What dimensions does {region} have?",
    ),
    QuestionKind.COUNT: (
        "How many are there?",
        "How many regions are there?",
        "How many anomalies are there?",
        "How many defects were found?",
        "How many flaws were seen in total?",
        "Number of defects?",
        "What is the count?",
        "Tell me the number of anomalies.",
        "Tell me how many defects there are.",
        "Give the defect count.",
        "The total number of flaws?",
        "Count the anomalies found.",
        "How many marks does it have in all?",
        "In total, how many regions do you see?",
        "Say how many defects the part has.",
    ),
    QuestionKind.EXISTENCE: (
        "Any {noun}?",
        "Any {nouns} on this part?",
        "Is there any {noun} here?",
        "Are {nouns} visible here?",
        "Has it got a {noun}?",
        "Has the part {nouns}?",
        "Does it show a {noun}?",
        "Would you call one of them a {noun}?",
        "Is one of the defects a {noun}?",
        "Was a {noun} found?",
        "Did you find {nouns}?",
        "Do you say that there are {nouns}?",
        "Can you see a {noun}?",
        "Is it true that there is a {noun}?",
    ),
    QuestionKind.ILL_POSED: (
        "How heavy is the part?",
        "What is the weight of the part?",
        "How much does it weigh?",
        "Who is to blame?",
        "Who is responsible for this?",
        "Which worker made it?",
        "Which supplier delivered the part?",
        "What does the part cost?",
        "What is the material?",
        "How old is the part?",
        "What will the weather be?",
        "Which shift made the part?",
        "What is the name of the operator?",
        "How long is it in centimeters?",
        "What was the cause?",
        "How big is region {beyond}?",
        "What type is region {beyond}?",
        "Where does region {beyond} lie?",
        "What is the size of defect {beyond}?",
    ),
}


def wordings() -> dict[QuestionKind, tuple[str, ...]]:
    """All question texts for training by kind; the shared paraphrases twice as often as the others."""
    return {kind: (*trained, *trained, *MORE[kind]) for kind, (trained, _) in PARAPHRASES.items()}


def opened(text: str, rng: np.random.Generator) -> str:
    """The question behind an opening, in another case or without its mark now and then: as people type."""
    if rng.random() < 0.25:
        text = OPENINGS[int(rng.integers(len(OPENINGS)))] + text
    if rng.random() < 0.08:
        text = text.lower()
    if rng.random() < 0.08:
        text = text.rstrip("?.")
    return text
