# syntax=docker/dockerfile:1
# The worker on RunPod. Models are mounted or cached by RunPod; a job never makes the worker download one.
ARG BASE=nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04
FROM ${BASE}

ENV DEBIAN_FRONTEND=noninteractive \
    PYTHONUNBUFFERED=1 \
    PYANNOTE_METRICS_ENABLED=0 \
    PATH=/opt/venv/bin:$PATH
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv
RUN python3 -m venv /opt/venv && pip install --no-cache-dir uv

WORKDIR /app
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv UV_LINK_MODE=copy uv pip install --compile-bytecode '.[worker]'

CMD ["python", "-m", "whisperx_worker.handler"]
