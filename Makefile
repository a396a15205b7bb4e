# make demo            sets up .venv and assesses the embedded sample
# make demo INPUT=path the same with your own image (NIfTI, NRRD, MHA or DICOM folder)
# make test            sets up .venv and runs lint, import contract, type check and all tests, in two processes (TEST_PROCESSES)
# make test-core       sets up .venv-core, which has no extras, and runs every command in it (5.5 GB; deleted by make clean)
# make benchmarks      timings against peers, as ratios
# make docs            the documentation site, site/index.html; needs no network once its tools are in .venv
# make mutation        planted faults in the code that decides identity, masks, labels and geometry: do the tests notice? (docs/testing.md)

PYTHON ?= python3
INPUT ?=
OUTPUT ?= demo-output
TEST_PROCESSES ?= 2
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test test-core lint format benchmarks mutation docs clean

demo: .venv/.core
	@echo "== LiverAI demo: assessing $(or $(INPUT),the embedded sample) on this machine"
	@$(BIN)/liverai demo $(if $(INPUT),"$(INPUT)") --output "$(OUTPUT)"
	@echo "== open $(OUTPUT)/report.html in a browser; load $(OUTPUT)/segmentation.seg.nrrd and heatmap.nrrd in Slicer"

test: .venv/.dev lint
	@echo "== tests (LIVERAI_DATA=$${LIVERAI_DATA:-../shared/data})"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile

# The package is installed as a wheel, without its extras: what a user has after `pip install .`.
test-core: .venv-core/.dependencies
	@echo "== every command in an installation without extras"
	@.venv-core/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	@.venv-core/bin/python -I Testing/core_install.py

lint: .venv/.dev
	@echo "== lint, import contract and types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

format: .venv/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

benchmarks: .venv/.dev
	@for file in benchmarks/*_benchmark.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

mutation: .venv/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,scale,mutation]"
	@$(BIN)/python benchmarks/mutation.py $(if $(SAMPLE),--sample $(SAMPLE))

docs: .venv/.docs
	@echo "== documentation site"
	@$(BIN)/mkdocs build --strict --quiet
	@echo "== open site/index.html in a browser"

.venv/.core: pyproject.toml constraints.txt
	@echo "== setting up .venv (PyTorch and friends, several GB; a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

.venv/.dev: .venv/.core
	@echo "== adding test tools, Dask, Slicer's core and Qt to .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,scale]"
	@touch $@

.venv/.docs: .venv/.core
	@echo "== adding MkDocs to .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	@touch $@

.venv-core/.dependencies: pyproject.toml constraints.txt
	@echo "== setting up .venv-core (a minute or two and 5.5 GB)"
	@rm -rf .venv-core && $(PYTHON) -m venv .venv-core
	@.venv-core/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt .
	@touch $@

clean:
	rm -rf .venv .venv-core demo-output build dist site
