# mjbridge in a container: `docker build -t mjbridge .`; compose.yaml runs it beside a Valkey.
# Versions come from the hashed lock, as everywhere.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/mjbridge
COPY requirements.lock ./
RUN /opt/mjbridge/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
RUN /opt/mjbridge/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="mjbridge" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/mjbridge /opt/mjbridge
# With a name: Celery warns of a group that has none.
RUN groupadd --gid 10001 mjbridge \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data mjbridge \
 && install -d -o 10001 -g 10001 -m 0700 /data
ENV PATH=/opt/mjbridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    BRIDGE_DATA_DIR=/data \
    BRIDGE_LOG_FORMAT=json
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
# bridge.toml is looked for here; `mjbridge up` keeps its built-in store here, too.
WORKDIR /data
VOLUME /data
EXPOSE 8300
# Of `up` and `web`; a worker and beat have nothing to ask, and switch it off (compose.yaml).
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8300/healthz', timeout=4)"]
ENTRYPOINT ["mjbridge"]
CMD ["up"]
