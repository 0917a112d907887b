"""Ways to ask each kind of question, for training and, never trained on, for tests. It knows no answer."""

from enum import StrEnum

from iad_unify.language.voices.chinese import Chinese
from iad_unify.language.voices.english import English
from iad_unify.language.voices.german import German
from iad_unify.language.voices.korean import Korean

#: What the daemon asks of every event: one sentence with type, location, size and count.
ALERT_QUESTION = English.question


class QuestionKind(StrEnum):
    """What a question asks for."""

    DESCRIBE = "describe"
    TYPE = "type"
    LOCATION = "location"
    COUNT = "count"
    SIZE = "size"
    SHAPE = "shape"
    EXISTENCE = "existence"
    REFER = "refer"  # what a numbered region is: all of it
    POINT = "point"  # which region something is: its number
    COMPARE = "compare"  # what differs from a good part
    VERDICT = "verdict"  # whether the part is good
    ILL_POSED = "ill_posed"  # regions cannot tell, or what is asked about is not there: the right answer is to say so


#: Per kind: paraphrases for training and, never trained on, for tests. `{region}` is the region that is meant, `{noun}`
#: and `{nouns}` a defect type, `{absent}` one that is not there, `{beyond}` the number of a region that is not there.
PARAPHRASES: dict[QuestionKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    QuestionKind.DESCRIBE: (
        (
            ALERT_QUESTION,
            "Describe the defects.",
            "What is wrong with this part?",
            "Summarise what was found.",
            "Give a short report on the defects.",
            "Write one alert sentence for the operator.",
            "What do you see?",
            "Explain the alarm.",
        ),
        ("Tell me briefly what is wrong here.", "Report the findings in one sentence.", "Why was this part flagged?"),
    ),
    QuestionKind.TYPE: (
        (
            "What type of defect is {region}?",
            "What kind of defect is {region}?",
            "Name the type of {region}.",
            "Which defect type is {region}?",
            "How would you classify {region}?",
            "Identify the type of {region}.",
        ),
        ("Which category does {region} belong to?", "What sort of flaw is {region}?", "Say what type {region} is."),
    ),
    QuestionKind.LOCATION: (
        (
            "Where is {region}?",
            "Where does {region} lie?",
            "In which part of the image is {region}?",
            "Give the location of {region}.",
            "Locate {region}.",
            "At which position is {region}?",
            "Which cell of a 3x3 grid holds {region}?",
        ),
        ("Whereabouts is {region}?", "What is the position of {region}?", "Point out where {region} lies."),
    ),
    QuestionKind.SIZE: (
        (
            "How big is {region}?",
            "How large is {region}?",
            "What is the size of {region}?",
            "What size is {region}?",
            "Is {region} small, medium or large?",
            "Give the size of {region}.",
        ),
        ("How extensive is {region}?", "Which size class does {region} have?", "Judge the size of {region}."),
    ),
    QuestionKind.COUNT: (
        (
            "How many defects are there?",
            "How many defects do you see?",
            "Count the defects.",
            "What is the number of defects?",
            "How many flaws does the part have?",
            "Give the number of anomalies.",
        ),
        ("How many anomalies were found?", "In total, how many defects?", "Tell me the defect count."),
    ),
    QuestionKind.EXISTENCE: (
        (
            "Is there a {noun}?",
            "Do you see any {nouns}?",
            "Is a {noun} visible?",
            "Does the part have a {noun}?",
            "Are there any {nouns}?",
            "Can you find a {noun}?",
        ),
        ("Has the part got a {noun}?", "Any {nouns} here?", "Would you say that there is a {noun}?"),
    ),
    QuestionKind.SHAPE: (
        (
            "What shape is {region}?",
            "What is the shape of {region}?",
            "Which shape does {region} have?",
            "Is {region} elongated, compact or irregular?",
            "How is {region} shaped?",
            "Describe the shape of {region}.",
            "What form does {region} have?",
        ),
        ("Tell me how {region} is shaped.", "What outline does {region} have?", "Is {region} long or round?"),
    ),
    QuestionKind.REFER: (
        (
            "What is {region}?",
            "Describe {region}.",
            "Tell me about {region}.",
            "What can you say about {region}?",
            "Explain {region}.",
            "What do you see in {region}?",
            "Give the details of {region}.",
        ),
        ("What about {region}?", "Say more about {region}.", "What do I see in {region}?"),
    ),
    QuestionKind.POINT: (
        (
            "Which region is a {noun}?",
            "Which region is the {noun}?",
            "Which of the regions is a {noun}?",
            "What is the number of the region with the {noun}?",
            "Which one is the {noun}?",
            "Name the region that is a {noun}.",
        ),
        ("Which region shows a {noun}?", "Point out the region with the {noun}.", "In which region is the {noun}?"),
    ),
    QuestionKind.COMPARE: (
        (
            "How does it differ from the reference?",
            "What differs from a good part?",
            "Compare it with the reference.",
            "What is different from the reference?",
            "Compare the part with a good one.",
            "What changed against the golden template?",
            "Is it different from a good part, and how?",
        ),
        (
            "In what way does the part differ from the reference?",
            "What sets it apart from a good part?",
            "List the differences to the template.",
        ),
    ),
    QuestionKind.VERDICT: (
        (
            "Is the part OK?",
            "Is this part good?",
            "Is the part defect free?",
            "Is the part in order?",
            "Does the part pass?",
            "Is everything fine with it?",
            "Would you accept this part?",
        ),
        ("Is the part acceptable?", "Is it a good part?", "Can this part be shipped?"),
    ),
    QuestionKind.ILL_POSED: (
        (
            "What is the serial number?",
            "Which machine made this defect?",
            "How much does the repair cost?",
            "What is the temperature of the part?",
            "Who made this part?",
            "How deep is it in millimeters?",
            "When did this happen?",
            "Where is region {beyond}?",
            "What is region {beyond}?",
            "Where is the {absent}?",
            "How big is the {absent}?",
            "What caused the defect?",
        ),
        (
            "What does the part weigh?",
            "Which worker is to blame?",
            "How large is region {beyond}?",
            "Where does the {absent} lie?",
        ),
    ),
}

#: The same for descriptions in the other languages; the first is what the daemon asks of every event.
DESCRIPTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ko": (
        (
            Korean.question,
            "결함을 설명하세요.",
            "이 부품에 무슨 문제가 있습니까?",
            "무엇이 발견되었습니까?",
            "결함을 요약해 주세요.",
            "무엇이 보입니까?",
            "경보를 한 문장으로 써 주세요.",
            "알람의 이유를 설명하세요.",
            "결함에 대해 알려 주세요.",
            "왜 불량입니까?",
            "검사 결과를 말해 주세요.",
            "어떤 결함이 있습니까?",
        ),
        (
            "발견된 것을 한 문장으로 보고하세요.",
            "무엇이 잘못되었는지 알려 주세요.",
            "이 부품은 왜 불량으로 판정되었습니까?",
        ),
    ),
    "zh": (
        (
            Chinese.question,
            "请描述缺陷。",
            "这个部件有什么问题？",
            "发现了什么？",
            "请总结缺陷。",
            "你看到了什么？",
            "请为操作员写一句报警信息。",
            "请解释报警原因。",
            "说说这些缺陷。",
            "为什么不合格？",
            "请报告检查结果。",
            "有哪些缺陷？",
        ),
        ("请用一句话报告发现的问题。", "这里出了什么问题？", "这个部件为什么被判为不合格？"),
    ),
    "de": (
        (
            German.question,
            "Beschreibe die Defekte.",
            "Was stimmt mit diesem Teil nicht?",
            "Was wurde gefunden?",
            "Fasse die Defekte zusammen.",
            "Was siehst du?",
            "Schreibe einen Alarmsatz für den Bediener.",
            "Erkläre den Alarm.",
            "Was ist mit den Defekten?",
            "Warum ist das Teil schlecht?",
            "Nenne das Ergebnis der Prüfung.",
            "Welche Defekte gibt es?",
        ),
        ("Berichte den Befund in einem Satz.", "Was ist hier falsch?", "Warum wurde dieses Teil aussortiert?"),
    ),
}
