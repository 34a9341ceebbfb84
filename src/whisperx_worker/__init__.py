"""whisperx-worker: a plugin host around a transcription pipeline. What plugins may rely on is in `__init__.pyi`."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
