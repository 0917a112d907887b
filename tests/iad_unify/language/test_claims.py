"""The claim parser on sentences that people and models write."""

import pytest

from iad_unify.geometry import CELLS
from iad_unify.language.claims import Claims, Mention, parse
from iad_unify.language.wording import PLACES


def only(text: str) -> Mention:
    """The one mention of a text."""
    (mention,) = parse(text).mentions
    return mention


@pytest.mark.parametrize("cell", CELLS)
def test_every_place_that_we_say_is_read_back_as_its_cell(cell: str) -> None:
    for place in PLACES[cell]:
        for sentence in (f"A scratch {place}.", f"{place.capitalize()} there is a scratch.", f"It lies {place}."):
            assert parse(sentence).cell == cell, sentence


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("upper left", "top_left"),
        ("top-left corner", "top_left"),
        ("the left upper corner", "top_left"),
        ("top_left", "top_left"),
        ("left of the centre", "left"),
        ("to the right of the middle", "right"),
        ("upper end of the left edge", "top_left"),
        ("the lower right-hand corner", "bottom_right"),
        ("bottom middle", "bottom"),
        ("at the very centre of the part", "center"),
        ("the middle of the right edge", "right"),
    ],
)
def test_synonyms_of_a_place_are_one_cell(text: str, cell: str) -> None:
    assert parse(f"The crack is {text}.").cell == cell


def test_a_wide_place_may_be_any_of_its_cells_and_is_no_exact_cell() -> None:
    claims = parse("A stain in the upper half.")
    assert claims.mentions[0].cells == (("top_left", "top", "top_right"),)
    assert claims.cell is None


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("The surface is scratched.", "scratch"),
        ("a hairline crack", "crack"),
        ("a blowhole", "hole"),
        ("the edge is chipped", "chip"),
        ("foreign matter", "contamination"),
        ("a discoloured area", "discoloration"),
        ("frayed edge", "fray"),
        ("A component is missing.", "missing_part"),
        ("missing_part", "missing_part"),
        ("A defect of unclear type.", "unknown"),
    ],
)
def test_synonyms_of_a_type_are_one_slug(text: str, slug: str) -> None:
    assert parse(text).defect_type == slug


def test_one_sentence_gives_type_place_size_and_count() -> None:
    claims = parse("One small scratch in the top left.")
    assert (claims.defect_type, claims.cells, claims.size, claims.count) == ("scratch", ("top_left",), "small", 1)


def test_nothing_said_is_nothing_claimed() -> None:
    assert parse("The weather is fine today.") == Claims()
    claims = parse("A scratch.")
    assert (claims.cell, claims.size, claims.count, claims.none, claims.refused) == (None, None, None, False, False)


def test_two_defects_keep_their_own_sizes_and_places() -> None:
    first, second = parse("A small, round hole left of the centre and a large stain at the bottom.").mentions
    assert first == Mention(("hole",), (("left",),), "small", shape="compact")
    assert second == Mention(("stain",), (("bottom",),), "large")


def test_a_place_before_its_noun_belongs_to_that_noun() -> None:
    first, second = parse("In the top left there is a scratch and in the center there is a stain.").mentions
    assert (first.defect_types, first.cells) == (("scratch",), (("top_left",),))
    assert (second.defect_types, second.cells) == (("stain",), (("center",),))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There are 2 defects.", 2),
        ("Two.", 2),
        ("two scratches", 2),
        ("a pair of dents", 2),
        ("a single crack", 1),
        ("The number of scratches is three.", 3),
        ("Number of defects: 4", 4),
        ("One scratch in the top left and one in the center.", 2),
        ("Two scratches, one in the top left and one in the center.", 2),
        ("No defect was found.", 0),
        ("a crack 5 mm long over 0.4 % of the part", None),
        ("scratches", None),
    ],
)
def test_counts_in_words_and_digits(text: str, count: int | None) -> None:
    assert parse(text).count == count


def test_a_plural_or_several_means_at_least_two() -> None:
    assert only("Scratches in the center.").at_least == 2
    assert only("Several dents.").at_least == 2
    assert parse("At least three defects.").at_least == 3


@pytest.mark.parametrize(
    "text", ["No defect was found.", "Nothing is wrong.", "The part is defect-free.", "Without flaws."]
)
def test_no_defect_is_said_in_many_ways(text: str) -> None:
    claims = parse(text)
    assert claims.none
    assert claims.mentions == ()


def test_no_other_defect_denies_nothing_that_was_named() -> None:
    claims = parse("A scratch in the center. No other defects.")
    assert not claims.none
    assert claims.mentions == (Mention(("scratch",), (("center",),)),)


def test_a_denied_type_is_no_claim_of_it() -> None:
    denied, said = parse("It is not a crack but a dent.").mentions
    assert denied == Mention(("crack",), denied=True)
    assert said == Mention(("dent",))
    assert [m.defect_types for m in parse("No scratch or crack is visible.").mentions] == [("scratch",), ("crack",)]


def test_a_denied_place_speaks_of_the_defect_named_before() -> None:
    said, denied = parse("The scratch is not in the center.").mentions
    assert said == Mention(("scratch",))
    assert denied == Mention(("scratch",), (("center",),), denied=True)


def test_each_of_several_denials_stands_by_itself() -> None:
    said, place, size = parse("The scratch is neither in the center nor large.").mentions
    assert said == Mention(("scratch",))
    assert place == Mention(("scratch",), (("center",),), denied=True)
    assert size == Mention(("scratch",), size="large", denied=True)
    assert parse("It is not very deep.").mentions == ()


def test_a_place_may_open_the_sentence() -> None:
    first, second = parse("On the left there's a dent. On the right, a hole.").mentions
    assert (first.defect_types, first.cells) == (("dent",), (("left",),))
    assert (second.defect_types, second.cells) == (("hole",), (("right",),))


def test_shapes_are_read_with_their_defect() -> None:
    assert only("An elongated scratch.") == Mention(("scratch",), shape="elongated")
    assert parse("It is irregularly shaped.").shape == "irregular"
    assert {mention.shape for mention in parse("A round hole. It is elongated.").mentions} == {"compact", "elongated"}
    assert parse("It is not round.").mentions == (Mention(shape="compact", denied=True),)
    assert only("A crack 5 mm long.").shape is None


def test_a_list_of_fields_is_one_mention() -> None:
    claims = parse("Type: crack; location: center; size: large; count: 1")
    assert (claims.defect_type, claims.cell, claims.size, claims.count) == ("crack", "center", "large", 1)


def test_alternatives_are_one_mention() -> None:
    assert only("A scratch or a crack at the top.") == Mention(("scratch", "crack"), (("top",),))


def test_two_types_for_one_thing_are_two_mentions() -> None:
    claims = parse("The scratch is a crack.")
    assert [mention.defect_types for mention in claims.mentions] == [("scratch",), ("crack",)]
    assert claims.defect_type is None


def test_a_second_size_is_not_swallowed() -> None:
    assert {mention.size for mention in parse("A small scratch. It is large.").mentions} == {"small", "large"}


@pytest.mark.parametrize("text", ["Region 2 is a crack.", "The second region is a crack.", "Defect 2: a crack"])
def test_a_numbered_region_is_remembered(text: str) -> None:
    assert only(text) == Mention(("crack",), region=2)


def test_the_strongest_is_one_of_those_counted() -> None:
    claims = parse("Three defects; the strongest is a large crack in the top center.")
    assert claims.count == 3
    assert claims.mentions == (Mention(("crack",), (("top",),), "large", pick="strongest"),)


@pytest.mark.parametrize("text", ["on top of the part", "dirt left behind", "right at the edge", "all right"])
def test_words_that_only_look_like_a_place_claim_none(text: str) -> None:
    assert parse(f"A scratch {text}.").cells == ()


def test_a_refusal_is_one() -> None:
    assert parse("I cannot tell that from the regions.").refused
    assert not parse("A scratch.").refused


def test_yes_and_no_take_their_meaning_from_the_question() -> None:
    assert parse("No.").reply is False
    assert parse("Yes.", question="Is there a scratch?").mentions == (Mention(("scratch",)),)
    assert parse("No.", question="Do you see any scratches?").mentions == (Mention(("scratch",), denied=True),)
    assert parse("No.", question="Are there any defects?").none
    assert parse("A crack.", question="What is region 2?").mentions == (Mention(("crack",), region=2),)


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(KeyError):
        parse("x", language="xx")


def test_any_text_is_read_without_an_error() -> None:
    for text in (
        "",
        "   ",
        "???",
        "no no no",
        "or and or",
        "two two two",
        "not",
        "at least",
        "no other",
        "№½²",
        "a" * 5000,
    ):
        parse(text)
