"""Streaming: pieces add up, the last one is marked, seeds and cancels belong to one sequence."""

import pytest

from iad_unify.explainer.generation import Answer, Decoding, answers, continuous, stream


def collect(parts, batch, decodings, cancelled=lambda index: False):
    messages = [[] for _ in decodings]
    stream(*parts, batch, decodings, lambda index, piece, final: messages[index].append((piece, final)), cancelled)
    return messages


def text_of(messages):
    return "".join(piece for piece, _ in messages)


def test_pieces_add_up_to_the_whole_answer_and_only_the_last_is_final(parts, writer, ask):
    batch = writer.batch([ask("Where?", 1), ask("How many are there?", 4)])
    messages = collect(parts, batch, [Decoding(12), Decoding(12)])
    assert [text_of(row) for row in messages] == answers(*parts, batch, 12)
    for row in messages:
        assert [final for _, final in row] == [False] * (len(row) - 1) + [True]
        assert all(piece for piece, _ in row)


def test_each_sequence_keeps_its_own_length(parts, writer, ask):
    batch = writer.batch([ask("Where?", 1), ask("Where?", 1)])
    short, long = collect(parts, batch, [Decoding(3), Decoding(12)])
    assert len(short) <= 3 < len(long)


def test_a_sample_depends_on_its_seed_and_not_on_its_batch(parts, writer, ask):
    questions = [ask("Where?", 1), ask("What is it?", 2)]
    first, second = Decoding(10, 1.0, 7), Decoding(10, 1.0, 8)
    together = collect(parts, writer.batch(questions), [first, second])
    alone = collect(parts, writer.batch(questions[:1]), [first])
    other = collect(parts, writer.batch(questions[:1]), [second])
    assert together[0] == alone[0]
    assert text_of(alone[0]) != text_of(other[0])


def test_a_greedy_row_stays_greedy_beside_a_sampled_one(parts, writer, ask):
    batch = writer.batch([ask("Where?", 1), ask("What is it?", 2)])
    mixed = collect(parts, batch, [Decoding(10), Decoding(10, 1.5, 1)])
    assert text_of(mixed[0]) == answers(*parts, batch, 10)[0]


def test_a_cancelled_sequence_ends_while_the_others_go_on(parts, writer, ask):
    batch = writer.batch([ask("Where?", 1), ask("Where?", 2)])
    asked = []

    def cancelled(index):
        asked.append(index)
        return index == 0 and asked.count(0) > 3

    gone, kept = collect(parts, batch, [Decoding(12), Decoding(12)], cancelled)
    assert gone[-1][1]
    assert text_of(kept) == answers(*parts, batch, 12)[1]
    assert len(gone) <= 4


def said(tokenizer, tokens, decoding):
    """The messages of an answer of these tokens, and whether it wants more."""
    messages = []
    answer = Answer(tokenizer, decoding, lambda *message: messages.append(message))
    going_on = [answer.take(token) for token in tokens]
    assert all(going_on[:-1])
    return messages, going_on[-1]


def test_a_character_of_several_tokens_is_one_piece(parts):
    _, tokenizer = parts
    tokens = [*tokenizer("傷 ü!")["input_ids"], tokenizer.eos_token_id]
    assert said(tokenizer, tokens, Decoding(99)) == (
        [("傷", False), (" ", False), ("ü", False), ("!", True)],
        False,
    )


def test_a_cut_off_character_is_left_out(parts):
    _, tokenizer = parts
    assert said(tokenizer, tokenizer("a傷")["input_ids"][:2], Decoding(2)) == ([("a", True)], False)


def test_an_answer_without_words_is_one_empty_final_message(parts):
    _, tokenizer = parts
    assert said(tokenizer, [tokenizer.eos_token_id], Decoding(9)) == ([("", True)], False)


@pytest.fixture
def questions(ask):
    """Of several lengths."""
    return [
        ask("Where?", 1),
        ask("What is the type of region 3, and how large is it?", 3),
        ask("How many are there?", 8),
        ask("Describe it.", 0),
        ask("Where is it?", 2),
    ]


def test_who_joins_others_says_what_it_says_alone(parts, writer, questions):
    model, tokenizer = parts
    alone = [answers(*parts, writer.batch([question]), 6 + 3 * row)[0] for row, question in enumerate(questions)]
    texts = ["" for _ in questions]

    def answer(row):
        def emit(piece, final):
            texts[row] += piece

        return Answer(tokenizer, Decoding(6 + 3 * row), emit)

    together = continuous(model, tokenizer)
    for rows, tokens in (
        ((4,), 2),
        ((0, 1), 4),
        ((2,), 3),
        ((3,), 0),
    ):  # longer beside shorter, and the other way round
        together.join(writer.batch([questions[row] for row in rows]), [answer(row) for row in rows])
        for _ in range(tokens):
            together.step()
    while len(together):
        together.step()
    assert texts == alone
    together.join(writer.batch(questions[:1]), [answer(0)])  # an empty one is as good as new
    while len(together):
        together.step()
    assert texts[0] == alone[0] * 2


def test_a_newcomer_that_cannot_join_changes_nothing_for_the_others(parts, writer, questions):
    model, tokenizer = parts
    text = []
    together = continuous(model, tokenizer)
    together.join(
        writer.batch(questions[:1]), [Answer(tokenizer, Decoding(8), lambda piece, final: text.append(piece))]
    )
    broken = writer.batch(questions[1:2])
    broken.appearance.resize_(2, *broken.appearance.shape[1:])
    with pytest.raises((ValueError, RuntimeError)):
        together.join(broken, [Answer(tokenizer, Decoding(8), lambda piece, final: text.append("never"))])
    while len(together):
        together.step()
    assert "".join(text) == answers(*parts, writer.batch(questions[:1]), 8)[0]


def test_an_answer_with_choices_is_one_of_them_and_leaves_its_neighbour_free(parts, writer, ask):
    choices = ("A large scratch at the top left.", "A large scratch at the top.", "Ein großer Kratzer oben links.")
    batch = writer.batch([ask("Where?", 1), ask("What is it?", 2)])
    held, free = collect(parts, batch, [Decoding(2, choices=choices), Decoding(10)])
    assert text_of(held) in choices
    assert held[-1][1]
    assert text_of(free) == answers(*parts, batch, 10)[1]
    # one that goes on where another ends, and no choice at all
    ends = ("A large scratch", "A large scratch at the top")
    assert text_of(collect(parts, writer.batch([ask("Where?", 1)]), [Decoding(choices=ends)])[0]) in ends
    sampled = {
        text_of(collect(parts, writer.batch([ask("Where?", 1)]), [Decoding(9, 1.5, seed, choices)])[0])
        for seed in range(12)
    }
    assert 1 < len(sampled) <= len(choices)
    assert sampled <= set(choices)
