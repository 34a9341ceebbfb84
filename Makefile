# make demo · make test · make test-fast · make check · make docs · make bench · make quality: each sets up what it needs by itself.
# Around a release: make lock · make licences · make supply-chain · make image-check.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Compiled once, tests too, whatever the machine has in its environment.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-fast check docs documents bench quality real-models lock licences supply-chain image-check soak fuzz gpu-check clean

demo: $(VENV)/worker  ## transcribe the shipped dialogue through the RunPod handler
	$(BIN)/python demo/demo.py

# A test process takes up to 2.5 GB, so many cores do not mean many of them.
test: check docs $(VENV)/worker real-models  ## everything
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

test-fast: $(VENV)/light  ## what needs neither torch nor a model, without the slow ones
	$(BIN)/python -m pytest -m "not models and not slow" -q -n auto --maxprocesses 8 --dist worksteal --hypothesis-profile=fast

check: $(VENV)/worker  ## types and lint, the Dockerfile too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

docs: $(VENV)/light  ## the documentation as a site, build/site; a warning is an error, and no network is needed
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --fresh-env --doctree-dir build/doctrees docs build/site

documents: $(VENV)/light  ## write the tables and the hook reference of the documentation anew
	$(BIN)/python -m tools.documents

bench: $(VENV)/bench  ## how fast it is beside whisperX and pyannote, on the same weights
	$(BIN)/python -m bench.speed

quality: $(VENV)/bench real-models  ## how well it hears beside whisperX and faster-whisper, on the same weights, real voices first
	$(BIN)/python -m bench.real_quality
	$(BIN)/python -m bench.quality

real-models: $(VENV)/worker  ## Whisper base and a speaker encoder for tests, checked, into build/real-models
	$(BIN)/python -m tools.real_models

# docopt serves num2words' own command only, and comes as source, which the image does not build.
lock: $(BIN)/uv  ## pin everything that the image installs, with hashes; what is pinned stays unless UPGRADE=--upgrade
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes $(UPGRADE) \
		--custom-compile-command 'make lock' --no-emit-package docopt \
		--extra worker setup.cfg --output-file requirements.lock

licences: $(VENV)/worker  ## write the table of LICENCES.md anew
	$(BIN)/python -m tools.licences

supply-chain: $(BIN)/uv  ## needs the network: the bounds of setup.cfg, highest and lowest, can be met on every Python
	for python in 3.10 3.11 3.12 3.13; do for end in highest lowest-direct; do \
		echo "Python $$python, $$end"; \
		$(BIN)/uv pip compile --quiet --python-version $$python --python-platform x86_64-manylinux_2_28 \
			--resolution $$end --all-extras setup.cfg > /dev/null || exit 1; \
	done; done

image-check: $(VENV)/light  ## as root on Debian: build the small image on a bare Debian, answer a job in it (not: CUDA, models)
	$(BIN)/python -m tools.image_check

gpu-check: $(VENV)/worker real-models  ## needs a GPU: speed, memory, faults and recovery as production has them, in ten minutes
	$(BIN)/python -m tools.gpu_check

soak: $(VENV)/worker  ## 500 jobs through the real worker loop, with faults (a full disk only as root)
	$(BIN)/python -m tests.soak

fuzz: $(VENV)/worker  ## 100,000 requests, 5,000 mutated recordings, 20,000 log lines
	$(BIN)/python -m tests.fuzz

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache container_log.txt

# uv downloads in parallel: the whole stack is here in about a minute.
$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/light: $(BIN)/uv setup.cfg setup.py
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[dev,docs]'
	touch $@

$(VENV)/worker: $(VENV)/light
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[worker,dev,docs]'
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[evaluate]' 2> /dev/null \
		|| echo 'meeteval could not be built (it needs a C++ compiler and the headers of Python): its tests are skipped'
	touch $@

$(VENV)/bench: $(VENV)/worker
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[worker,dev,docs,bench]'
	touch $@
