"""Handler at the path that the Hub requires; the image starts `python -m whisperx_worker.handler`."""

from whisperx_worker.handler import main

if __name__ == "__main__":
    main()
