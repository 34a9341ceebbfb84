"""The real public models that `make real-models` brings, and the mark of tests that need them."""

import pytest

from tools.real_models import ENCODER, WHISPER

real_models = pytest.mark.skipif(
    not all((folder / "complete").is_file() for folder in (WHISPER, ENCODER)),
    reason="the real models are not here; `make real-models` brings them",
)
