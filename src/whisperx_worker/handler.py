"""Door for `python -m whisperx_worker.handler`; the code is in `serving.runpod_handler`."""

from whisperx_worker.serving.runpod_handler import handler, main

__all__ = ["handler", "main"]

if __name__ == "__main__":
    main(console=True)
