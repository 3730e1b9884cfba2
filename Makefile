# Needs Python 3.11 or newer and make, nothing else: each target sets up .venv first when it is not up to date.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
UV := .cache/uv/bin/uv

.DEFAULT_GOAL := help
.PHONY: help demo test versions check bench constraints

help: ## Print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(INSTALLED) ## Boot a real Keycloak with the 1000-user example and count its seats; ARGS="--keep" leaves it running
	@$(BIN)/keycloak-license demo $(ARGS)

test: $(INSTALLED) ## Run all tests; ARGS="--slow" runs their long versions too
	@.ci/system-packages
	@$(BIN)/pytest --numprocesses 2 --dist loadfile $(ARGS)

versions: $(INSTALLED) ## Try the program on four versions of Keycloak and keep the table; ARGS="--stale" tries only new tests
	@.ci/system-packages
	@$(BIN)/python -m tests.versions $(ARGS)

check: $(INSTALLED) ## Check format, lint, types and import rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## Measure speed against the usual ways, on a real Keycloak
	@$(BIN)/python -m tests.bench $(ARGS)

constraints: ## Pin the dependency tree anew; ARGS="--upgrade" takes newer versions
	@test -x $(UV) || { $(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv; }
	@printf 'hatchling\neditables\nnodejs-wheel-binaries\n' | $(UV) pip compile pyproject.toml - --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make constraints' --no-annotate --quiet \
		--output-file constraints.txt $(ARGS)

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py assets.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, and $(PYTHON) is not: try make PYTHON=python3.13." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) has no venv module: install it, on Debian with apt-get install python3-venv." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check >/dev/null \
		|| { echo "constraints.txt does not go with pyproject.toml: run make constraints." >&2; exit 2; }
	@touch $@
