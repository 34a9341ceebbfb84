import pytest

from whisperx_worker.audio.decode import decode
from whisperx_worker.contract.settings import load_settings


@pytest.fixture
def decoded(tmp_path):
    """Decodes bytes: the audio, and the warnings as text."""

    def decode_bytes(content, settings=load_settings()):  # noqa: B008  frozen
        path = tmp_path / "audio"
        path.write_bytes(content)
        audio, warnings = decode(path, settings)
        return audio, [str(warned) for warned in warnings]

    return decode_bytes
