# The image of Moorage with both its drivers, all from uv.lock by its hashes:
#
#     docker build --tag moorage .

ARG PYTHON=docker.io/library/python:3.13-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
ENV UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1
COPY pyproject.toml uv.lock ./
COPY tools/get_uv.py tools/
RUN python3 tools/get_uv.py
# What Moorage stands on comes first: this stays in the build's cache while only Moorage changes.
RUN UV_PROJECT_ENVIRONMENT=/opt/build .uv/bin/uv sync --frozen --only-group build && \
    UV_PROJECT_ENVIRONMENT=/opt/moorage .uv/bin/uv sync --frozen --no-dev --no-install-project --all-extras
COPY LICENSE README.md ./
COPY src src
RUN .uv/bin/uv build --wheel --no-build-isolation --python /opt/build/bin/python && \
    .uv/bin/uv pip install --python /opt/moorage/bin/python --no-index --no-deps dist/*.whl && \
    mkdir --mode 700 /data

FROM ${PYTHON}
# Python's own modules come without bytecode, which a read-only file system could not keep: every start would make it.
RUN python3 -m compileall -q -x '/(test|idlelib|lib2to3|ensurepip|site-packages)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/moorage /opt/moorage
COPY --from=build --chown=10001:10001 /data /data
ENV PATH=/opt/moorage/bin:$PATH HOME=/data MOORAGE_DATA=/data
# A number, not a name: Kubernetes can only tell of a number that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 5443
# No HEALTHCHECK: which doors answer is a matter of settings. Ask /livez and /readyz.
ENTRYPOINT ["moorage"]
CMD ["serve"]
