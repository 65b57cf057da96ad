# presetwatch in a container: worker, gateway, notifier and every other command but those that start a broker of their own.
# Law: what is installed stands in requirements/ by version and hash; the process has no rights, and the root file
# system may be read-only.

ARG BASE=python:3.13-slim

FROM ${BASE} AS build
# Set it where packages come from a mirror.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/build && python -m venv /opt/presetwatch
COPY requirements/build.txt requirements/image.txt requirements/
RUN /opt/build/bin/pip install --quiet --require-hashes -r requirements/build.txt \
 && /opt/presetwatch/bin/pip install --quiet --require-hashes -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY stream stream
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/presetwatch/bin/pip install --quiet --no-index --no-deps /wheels/*.whl \
 && /opt/presetwatch/bin/pip uninstall --quiet --yes pip setuptools

FROM ${BASE}
COPY --from=build /opt/presetwatch /opt/presetwatch
COPY ops/docker/healthcheck.py /opt/presetwatch/healthcheck.py
# Nothing is kept on disk; the two empty folders that Faust insists on are made in memory.
ENV PATH=/opt/presetwatch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TERM=dumb \
    PRESETWATCH_DATA_DIR=/dev/shm/presetwatch PRESETWATCH_WEB_HOST=0.0.0.0 PRESETWATCH_GATEWAY_HOST=0.0.0.0 \
    PRESETWATCH_NOTIFY_HOST=0.0.0.0
WORKDIR /opt/presetwatch
USER 10001:10001
EXPOSE 6066 6067 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s CMD ["python", "-I", "-S", "/opt/presetwatch/healthcheck.py"]
ENTRYPOINT ["presetwatch"]
CMD ["worker"]
