"""The best CTC path of one recording."""

from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError


def best_path(emission, tokens, blank):
    """Return the path of `best_paths`, or raise why there is none."""
    (path,) = best_paths([emission], [tokens], blank)
    if isinstance(path, UnalignableError):
        raise path
    return path
