"""A fake Whisper tokenizer: each token is a character, and tokens from 5000 on are timestamps."""

from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk

_FIRST_TIMESTAMP = 5000


class LetterTokenizer:
    """A tokenizer with a token for each character."""

    def token_to_id(self, _token):
        return _FIRST_TIMESTAMP

    def decode(self, tokens):
        return "".join(chr(token) for token in tokens)


class LetterWhisper:
    """A Whisper with nothing but its tokenizer."""

    hf_tokenizer = LetterTokenizer()


def decoded_chunk(*timed, logprob=-0.2, no_speech=0.0, ratio=1.2):
    """Return decoder output with these texts, each as (start, text, end) in seconds."""
    tokens = []
    for start, text, end in timed:
        tokens += [_timestamp(start), *map(ord, text), _timestamp(end)]
    return DecodedChunk(tuple(tokens), " ".join(text for _, text, _ in timed), logprob, no_speech, ratio, 0.0)


def _timestamp(time_s):
    return _FIRST_TIMESTAMP + round(time_s / 0.02)
