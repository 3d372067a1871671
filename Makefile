# The doors of the house. Each gets what it needs first; `make help` lists them.
PYTHON := .venv/bin/python
BIN := .venv/bin
# Interpreters that builders use; without pyenv or a setting, `uv python list` finds them.
AFFINEUR_INTERPRETERS ?= $(if $(PYENV_ROOT),$(PYENV_ROOT)/versions/3.*/bin/python3)
export AFFINEUR_INTERPRETERS

.DEFAULT_GOAL := help
.PHONY: help run demo test test-vm check bench bench-corpus bench-index bench-publish bench-watch conformance-peers fmt lock schema

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

.venv/synced: requirements.lock .python-version
	@deploy/bootstrap run

run: .venv/synced ## the portal, its workers and a builder on this machine; data stay in var/
	@$(PYTHON) -m portal.supervisor

demo: .venv/synced ## the main job on real projects, end to end; KEEP=1 leaves the portal running
	@$(PYTHON) -m portal.supervisor $(if $(KEEP),--keep) --then deploy/demo.py

test: .venv/synced ## every test, on SQLite and on PostgreSQL
	@deploy/bootstrap test
	@$(PYTHON) -m tests.run $(ARGS)

test-vm: .venv/synced ## the sandbox's limits on control groups v2, in a virtual machine
	@deploy/bootstrap vm
	@$(PYTHON) -m pytest -m vm -rP tests/vm $(ARGS)

check: .venv/synced ## formatting, lint, types, import rules, migrations, templates, deployment checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djade --check --target-version 6.1 $$(git ls-files 'portal/templates/*.html')
	$(BIN)/djlint --check --quiet portal/templates
	$(PYTHON) manage.py makemigrations --check --dry-run --settings portal.settings.test
	$(PYTHON) manage.py spectacular --validate --fail-on-warn --file /dev/null --settings portal.settings.test
	@deploy/check-production

bench: .venv/synced ## measurements: builds with and without the farm
	@deploy/bootstrap bench
	@$(PYTHON) -m tests.bench

bench-index: .venv/synced ## the index against nginx, devpi, pypiserver and proxpi; ARGS=--help tells more
	@deploy/bootstrap bench
	@$(PYTHON) -m tests.index_bench $(ARGS)

bench-publish: .venv/synced ## publishing into an index of 1,000 files and of 1,000,000; ARGS=--postgresql
	@deploy/bootstrap bench
	@$(PYTHON) -m tests.index_bench.publish $(ARGS)

conformance-peers: .venv/synced ## the rules of index pages, on ours and on devpi and proxpi: a table
	@$(PYTHON) -m tests.indexes.conformance.peers $(ARGS)

bench-corpus: .venv/synced ## the releases of the file CORPUS up the ladder, against pip wheel
	@$(PYTHON) -m tests.corpus.bench $(CORPUS) --upstream "$${AFFINEUR_UPSTREAM:-$$($(PYTHON) -c 'import pypi_simple as p; print(p.PYPI_SIMPLE_ENDPOINT)')}" $(ARGS)

bench-watch: .venv/synced ## 10,000 projects followed within the budget, from change to listing; half an hour
	@deploy/bootstrap test
	@$(PYTHON) -m tests.indexes.watch_bench $(ARGS)

fmt: .venv/synced ## format everything
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djade --target-version 6.1 $$(git ls-files 'portal/templates/*.html')
	$(BIN)/djlint --reformat --quiet portal/templates

schema: .venv/synced ## write the OpenAPI schema anew
	$(PYTHON) manage.py spectacular --format openapi-json --file portal/api/openapi.json --settings portal.settings.test

lock: .venv/synced ## resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
		--upgrade --group dev --output-file requirements.lock pyproject.toml
