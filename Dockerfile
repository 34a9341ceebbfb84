# syntax=docker/dockerfile:1
# The worker on RunPod: `small` without models, or with the production models in it (the last stage).
# The base brings the driver's libraries alone: cuBLAS, cuDNN and NCCL come with PyTorch, in the versions that it fits.
ARG BASE=nvidia/cuda:12.8.1-base-ubuntu24.04
# Where the models come from: the stage below, or an image of it that was built before.
ARG MODELS=models

FROM ${BASE} AS system
SHELL ["/bin/sh", "-euc"]
# RunPod mounts /runpod-volume as root's. The worker only reads models there, which everybody may; whoever lets it write
# there builds with USER_NAME=root.
RUN useradd --create-home --shell /usr/sbin/nologin worker \
    && install --directory --owner worker /var/log/whisperx-worker
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv
# It stays: an image with further plugins is made from this one with `uv pip install`.
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9 && ln -s /opt/uv/bin/uv /usr/local/bin/uv

# What seldom changes and weighs most. Nothing is built from source, and every file is the one that was locked.
FROM system AS dependencies
COPY requirements.lock /opt/whisperx-worker/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /opt/venv; \
    uv pip sync --quiet --system-certs --python /opt/venv --require-hashes --no-build --compile-bytecode \
        --link-mode copy /opt/whisperx-worker/requirements.lock; \
    find /opt/venv -path '*/nvidia/*/lib' > /etc/ld.so.conf.d/pytorch.conf; \
    ldconfig

FROM dependencies AS small
ENV PATH=/opt/venv/bin:$PATH \
    VIRTUAL_ENV=/opt/venv \
    HOME=/home/worker \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYANNOTE_METRICS_ENABLED=0 \
    WHISPERX_WORKER_LOG_FILE=/var/log/whisperx-worker/container_log.txt
COPY . /opt/whisperx-worker
RUN uv pip install --quiet --offline --no-cache --no-deps --no-build-isolation --compile-bytecode /opt/whisperx-worker
WORKDIR /home/worker
ARG USER_NAME=worker
USER ${USER_NAME}
# RunPod asks the worker itself, at its start; this is for every other place that runs containers.
HEALTHCHECK --interval=5m --timeout=2m --start-period=3m CMD ["whisperx-worker", "doctor"]
CMD ["python", "-m", "whisperx_worker.handler"]

# Without the secret the gated model is left out, and `preload` prints that.
FROM small AS models
# hadolint ignore=DL3002,DL3066
USER root
RUN --mount=type=secret,id=hf_token \
    if [ -s /run/secrets/hf_token ]; then HF_TOKEN=$(cat /run/secrets/hf_token); export HF_TOKEN; fi; \
    WHISPERX_WORKER_MODELS=/models whisperx-worker preload; \
    chmod -R a+rX /models

FROM ${MODELS} AS preloaded

# The models' layer is linked: it stays as it is when the code below it changes.
FROM small
COPY --link --from=preloaded /models /models
