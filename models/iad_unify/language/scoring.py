"""Scores a free answer against its structured gold, strictly: one value, the right one; what cannot be read is wrong."""

from dataclasses import replace

from iad_unify.language.claims import Claims, Mention, parse
from iad_unify.language.questions import Example, Gold, QuestionKind


def correct(example: Example, answer: str) -> bool:
    """Whether the answer is right in everything that the question asks for."""
    return all(scores(example, answer).values())


def scores(example: Example, answer: str) -> dict[str, bool]:
    """Per asked aspect (type, location, size, shape, region, count, exists, refusal) whether the answer is right; never empty.

    A description of several defects is scored on its count and on the defect that it names first.
    """
    claims = parse(answer, question=example.question, language=example.language)
    gold = example.gold
    if gold.refusal:
        return {"refusal": claims.refused}
    if example.kind is QuestionKind.EXISTENCE:
        return {"exists": _exists(claims) == gold.exists}
    if gold.exists is False:
        return {"exists": claims.none and not claims.asserted}
    return _aspects(gold, claims)


def _exists(claims: Claims) -> bool | None:
    if claims.refused:
        return None
    if claims.reply is not None:
        return claims.reply
    if claims.asserted:
        return True
    return False if claims.none or claims.mentions else None


def _aspects(gold: Gold, claims: Claims) -> dict[str, bool]:
    first = _lead(claims)
    single = gold.count is None or gold.count == 1
    found: dict[str, bool] = {}
    if gold.defect_types is not None:
        named = claims.defect_type if single or first is None else first.defect_types[0]
        found["type"] = named in gold.defect_types
    if gold.cell is not None:
        places = first.cells if first is not None and not single else tuple((cell,) for cell in claims.cells)
        found["location"] = places[:1] == ((gold.cell,),) and (len(places) == 1 or not single)
    if gold.size is not None:
        found["size"] = (claims.size if single or first is None else first.size) == gold.size
    if gold.shapes is not None:
        found["shape"] = claims.shape in gold.shapes
    if gold.region is not None:
        found["region"] = {mention.region for mention in claims.asserted} == {gold.region}
    if gold.count is not None:
        found["count"] = _count(claims) == gold.count
    return found


def _lead(claims: Claims) -> Mention | None:
    """The defect named first; "two dents; the strongest is on the left" says it in two parts."""
    typed = next((mention for mention in claims.asserted if mention.defect_types), None)
    picked = next((mention for mention in claims.asserted if mention.pick == "strongest"), None)
    if typed is None or picked is None:
        return typed
    return replace(
        picked,
        defect_types=picked.defect_types or typed.defect_types,
        cells=picked.cells or typed.cells,
        size=picked.size or typed.size,
    )


def _count(claims: Claims) -> int | None:
    """A description says how many there are, or describes exactly one."""
    if claims.count is not None or len(claims.asserted) != 1 or claims.at_least is not None:
        return claims.count
    return 1 if claims.asserted[0].at_least is None else None
