# Two commands: `make demo` sets up and answers the demo question; `make test` sets up and tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CORES ?= all
TEST_WORKERS ?= 2

.PHONY: demo all test check pictures clean

demo: $(STAMP)
	$(BIN)/snakemake --cores $(CORES) results/which_machine/report.html
	@echo "The report: $(CURDIR)/results/which_machine/report.html"

all: $(STAMP)
	$(BIN)/snakemake --cores $(CORES)
	@echo "All reports: $(CURDIR)/results/index.html"

test: $(STAMP) check
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

# The README's pictures, of the report that `make demo` drew; needs Chromium and its driver.
pictures: $(STAMP)
	$(BIN)/python docs/pictures.py results/which_machine/report.html docs

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile rules

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Joulescape needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

clean:
	rm -rf $(VENV) results/* .snakemake
	git checkout -- results/README.md
