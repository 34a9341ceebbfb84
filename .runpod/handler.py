"""What the Hub looks for here; the image starts the same by `python -m whisperx_worker.handler`."""

from whisperx_worker.handler import main

if __name__ == "__main__":
    main()
