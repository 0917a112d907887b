"""Streaming: pieces add up, the last one is marked, seeds and cancels belong to one sequence."""

import torch

from iad_unify.explainer.generation import Decoding, _Stream, answers, stream


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


def test_a_character_of_several_tokens_is_one_piece(parts):
    _, tokenizer = parts
    messages = []
    watcher = _Stream(
        tokenizer, [Decoding(99)], frozenset({tokenizer.eos_token_id}), lambda *m: messages.append(m), lambda i: False
    )
    watcher.put(torch.tensor([[1, 2, 3]]))  # the prompt
    for token in [*tokenizer("傷 ü!")["input_ids"], tokenizer.eos_token_id]:
        watcher.put(torch.tensor([token]))
    watcher.end()
    assert messages == [(0, "傷", False), (0, " ", False), (0, "ü", False), (0, "!", True)]


def test_a_cut_off_character_is_left_out(parts):
    _, tokenizer = parts
    messages = []
    watcher = _Stream(tokenizer, [Decoding(2)], frozenset({2}), lambda *m: messages.append(m), lambda i: False)
    watcher.put(torch.tensor([[1]]))
    for token in tokenizer("a傷")["input_ids"]:
        watcher.put(torch.tensor([token]))
    assert messages == [(0, "a", True)]


def test_an_answer_without_words_is_one_empty_final_message(parts):
    _, tokenizer = parts
    messages = []
    watcher = _Stream(tokenizer, [Decoding(9)], frozenset({5}), lambda *m: messages.append(m), lambda i: False)
    watcher.put(torch.tensor([[1]]))
    watcher.put(torch.tensor([5]))
    watcher.end()
    assert messages == [(0, "", True)]


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
