"""Token graphs of words with several spoken forms."""

from __future__ import annotations

import pytest

from tests.plugins.wav2vec2_alignment.alignment_emissions import LETTERS, RUSSIAN_WITH_YO, SEPARATOR
from whisperx_worker_plugins.wav2vec2_alignment.text.text_graph import TextGraphBuilder, chain_graph
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import accept, concatenate

CYRILLIC = LETTERS + "ё"


def graph_of(*words):
    builder = TextGraphBuilder(RUSSIAN_WITH_YO, SEPARATOR)
    for tokens, verbalisation in words:
        builder.add_word(tokens, verbalisation)
    return builder.build()


def letters(text):
    return [RUSSIAN_WITH_YO.columns[letter] for letter in text]


def all_paths(graph):
    """Return the letters of every path of a graph."""
    ways = {-1: [[]]}
    for token, column in enumerate(graph.columns.tolist()):
        before = graph.predecessors.get(token, (token - 1,))
        ways[token] = [[*way, column] for one in before for way in ways[one]]
    return {
        "".join("|" if c == SEPARATOR else CYRILLIC[c - 2] for c in way) for end in graph.final for way in ways[end]
    }


def test_a_graph_has_a_path_for_each_spoken_form_and_no_other():
    text_graph = graph_of(
        (letters("дом"), None), ([], accept(" пять", " пяти", "")), ([], None), ([], concatenate(accept("", " минус"), accept(" сто"))),
    )  # fmt: skip
    assert all_paths(text_graph.graph) == {
        "дом|сто", "дом|минус|сто", "дом|пять|сто", "дом|пять|минус|сто", "дом|пяти|сто", "дом|пяти|минус|сто",
    }  # fmt: skip


@pytest.mark.parametrize("separator", [SEPARATOR, None])
def test_a_chain_graph_equals_the_built_graph_of_words_without_verbalisations(separator):
    words = [[], letters("да"), [], letters("нет"), letters("а"), []]
    builder = TextGraphBuilder(RUSSIAN_WITH_YO, separator)
    for tokens in words:
        builder.add_word(tokens, None)
    slow, quick = builder.build(), chain_graph(words, separator)
    assert quick.graph.columns.tolist() == slow.graph.columns.tolist()
    assert quick.owners.tolist() == slow.owners.tolist()
    assert (quick.graph.predecessors, quick.graph.final) == (slow.graph.predecessors, slow.graph.final)


def test_a_graph_that_begins_with_a_verbalisation_has_no_separator_before_it():
    assert all_paths(graph_of(([], accept(" раз", " два")), (letters("да"), None)).graph) == {"раз|да", "два|да"}


def test_spoken_forms_with_the_same_beginning_share_its_letters():
    text_graph = graph_of(([], accept(" двадцать", " двадцати", " двадцатью")))
    assert len(text_graph.graph.columns) == len("двадцат") + len("ь") + len("и") + len("ю")
