# Triton with the three models of models/repository, on the CPU as their config.pbtxt says.
# Built from the repository's root: docker build -f deploy/triton.Dockerfile -t inspectd-triton:0.1.0 .
FROM nvcr.io/nvidia/tritonserver:25.06-py3

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY daemon ./daemon
COPY models ./models
# The daemon's clients are for `inspectd calibrate --memory` and `--template`, which needs torch (the service `calibrate` of docker-compose.yml).
# Into an environment of its own, and numpy last and by force: Triton's Python backend hands out empty tensors under
# numpy 2, while opencv asks for numpy 2 and works with 1.26.
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/inspectd/venv \
 && /opt/inspectd/venv/bin/pip install -c constraints.txt '.[models,stack]' \
 && /opt/inspectd/venv/bin/pip install --no-deps --force-reinstall numpy==1.26.4 \
 && cp -r models/weights /opt/inspectd/weights \
 && install -d -o triton-server /opt/inspectd/references \
 && rm -rf /src/*

# The model repository with the checkpoints' folders written into it: a folder mounted there is served.
WORKDIR /opt/inspectd
RUN venv/bin/python -c "from pathlib import Path; from iad_unify.resources import ROLES; \
    from inspectd.stack.triton_files import write_repository; \
    write_repository(Path('repository').resolve(), {role: Path('weights', role).resolve() for role in ROLES}, \
    Path('references').resolve())"

# The Python backend takes its interpreter from the activated environment.
ENV VIRTUAL_ENV=/opt/inspectd/venv \
    PATH=/opt/inspectd/venv/bin:/opt/tritonserver/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    OMP_NUM_THREADS=1 \
    HF_HUB_OFFLINE=1

USER triton-server
EXPOSE 8000 8001 8002
# Completing configurations would load every model twice. Explicit control lets the daemon load a model whose process died.
CMD ["tritonserver", "--model-repository=/opt/inspectd/repository", "--disable-auto-complete-config", \
     "--model-control-mode=explicit", "--load-model=*", "--exit-timeout-secs=5"]
