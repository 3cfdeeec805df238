# docker build -t gasca .          without a GPU, give PyTorch's index of CPU wheels: --build-arg TORCH_INDEX=...
#                                  if `id -u` is not 1000: --build-arg UID=$(id -u), so that you own what it writes
# mkdir -p replication && docker run --rm -v "$PWD/replication:/gasca/replication" gasca
# docker run --rm -p 127.0.0.1:8888:8888 gasca .venv/bin/jupyter lab --ip 0.0.0.0 nbs/index.ipynb
FROM python:3.11.14-bookworm
ARG TORCH_INDEX=
ARG UID=1000
ENV PIP_NO_CACHE_DIR=1
RUN useradd --create-home --uid $UID gasca && install -d -o gasca /gasca
USER gasca
WORKDIR /gasca
COPY --chown=gasca . .
RUN make .venv/ready TORCH_INDEX=$TORCH_INDEX
CMD ["make", "replicate"]
