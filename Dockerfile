# docker build -t gasca .          without a GPU, give PyTorch's index of CPU wheels: --build-arg TORCH_INDEX=...
# docker run --rm -v "$PWD/replication:/gasca/replication" gasca
# docker run --rm -p 8888:8888 gasca .venv/bin/jupyter lab --ip 0.0.0.0 --allow-root nbs/index.ipynb
FROM python:3.11
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1
WORKDIR /gasca
COPY . .
RUN make .venv/ready TORCH_INDEX=$TORCH_INDEX
CMD ["make", "replicate"]
