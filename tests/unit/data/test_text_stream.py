"""A text that is told token by token is the text of all its tokens, and no character of it is told in parts."""

import random

import pytest

from nntrain.data.fields.text import Text
from nntrain.data.tokenizing.encoder import TextEncoder
from nntrain.data.tokenizing.streaming import TextStream

TEXTS = ["schön grün 日本", "naïve 😀 über", "a b ä ö"]


def encoder(tokenizer):
    if tokenizer == "bpe":
        pytest.importorskip("tokenizers")
    field = Text.parse({"type": "text", "tokenizer": tokenizer})
    return TextEncoder.of(field, TextEncoder.learn(field, TEXTS))


@pytest.mark.parametrize("tokenizer", ["byte", "char", "word", "space", "bpe"])
def test_parts_are_the_whole(tokenizer):
    made = encoder(tokenizer)
    for text in TEXTS:
        tokens = made.encode([text])[0].tolist()
        stream = TextStream(made.decode)
        parts = [stream.add(tokens[:2]), *(stream.add([token]) for token in tokens[2:]), stream.end()]
        assert "".join(parts) == made.decode(tokens)
        assert not any("\N{REPLACEMENT CHARACTER}" in part for part in parts)


@pytest.mark.parametrize("tokenizer", ["byte", "word", "bpe"])
def test_tokens_in_any_order_are_told_whole_in_the_end(tokenizer):
    """Bytes that make no character, unknown tokens and padding among them."""
    made, draw = encoder(tokenizer), random.Random(0)
    for _ in range(50):
        tokens = [draw.randrange(made.size) for _ in range(30)]
        stream = TextStream(made.decode)
        assert "".join([stream.add([token]) for token in tokens] + [stream.end()]) == made.decode(tokens)


def test_what_was_told_is_not_decoded_again():
    decoded = []

    def decode(tokens):
        decoded.append(len(tokens))
        return " ".join(map(str, tokens))

    stream = TextStream(decode)
    assert "".join(stream.add([token]) for token in range(100)) == " ".join(map(str, range(100)))
    assert max(decoded) == 2
