# Built in two stages: the compilers and headers stay in the first.
FROM debian:bookworm-slim AS build

# A stable release only mends; pinning its packages would keep the faults.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
        build-essential libbcg729-dev libgsm1-dev libopus-dev libspeex-dev libspeexdsp-dev libsrtp2-dev libssl-dev \
        pkg-config python3 python3-dev python3-venv swig uuid-dev xz-utils \
 && rm -rf /var/lib/apt/lists/*

ENV UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/ringback \
    UV_PYTHON=/usr/bin/python3 \
    UV_PYTHON_DOWNLOADS=never

WORKDIR /src
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir "uv>=0.9"

# The long step first: it runs again only when the native code changes. It asks apt where Debian is.
COPY media/native media/native
RUN apt-get update && python3 media/native/build.py && rm -rf /var/lib/apt/lists/*

COPY pyproject.toml uv.lock README.md LICENSE ./
COPY dialplans dialplans
COPY monitoring monitoring
COPY media media
COPY gateway gateway
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-editable --extra postgresql


FROM debian:bookworm-slim

# A stable release only mends; pinning its packages would keep the faults.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
        espeak-ng libbcg729-0 libgsm1 libopus0 libsndfile1 libspeex1 libspeexdsp1 libsrtp2-1 libssl3 libuuid1 python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /var/lib/ringback ringback

COPY --from=build /opt/ringback /opt/ringback

# Whoever publishes the port has decided who reaches it, so HTTP listens on every address in here.
ENV PATH=/opt/ringback/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RINGBACK_DATA_DIR=/var/lib/ringback \
    RINGBACK_HTTP__HOST=0.0.0.0

USER 10001
WORKDIR /var/lib/ringback
VOLUME /var/lib/ringback
EXPOSE 5060/tcp 5060/udp 8080/tcp 10000-29999/udp 40000-49999/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["ringback"]
CMD ["run"]
