# make demo [IN=my.mp4]   environment, install, code a clip and decode it again; figures and demo/side_by_side.png
# make test               environment, install, all tests that need no PyTorch
# make test-train         the trainer's tests; installs PyTorch (choose the build with TORCH=...)
# make bench-check        fails when a benchmark's ratio is worse than benchmarks/results/baseline.json
# make lint clean

PYTHON ?= python3
VENV ?= .venv
# For the processor alone:  make test-train TORCH="torch==2.13.0 --index-url <PyTorch's cpu index>"
TORCH ?= torch==2.13.0
IN ?=
DEMO_QP ?= 32

BIN := $(VENV)/bin
# pip reads the checkout, but compiled modules are only as new as the last install.
SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc cmake zvc69 -name '*.cpp' -o -name '*.h' -o -name '*.pyx' -o -name '*.cmake' -o -name CMakeLists.txt)

.PHONY: demo test test-train bench-check lint clean

# Editable: tests and coverage see the checkout, and the compiled modules come from the install.
$(VENV)/.base: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

$(VENV)/.train: $(VENV)/.test
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[train]'
	touch $@

demo: $(VENV)/.base
	$(BIN)/python tools/demo.py --qp $(DEMO_QP) $(IN)

test: $(VENV)/.test
	$(BIN)/python -m pytest --ignore=tests/train --benchmark-disable --cov=zvc69 --cov-report=term --cov-fail-under=80

test-train: $(VENV)/.train
	$(BIN)/python -m pytest tests/train

bench-check: $(VENV)/.test
	$(BIN)/python -m benchmarks.check

lint:
	@command -v ruff >/dev/null || { echo "ruff is not installed: pip install ruff" >&2; exit 1; }
	ruff check .

clean:
	rm -rf build dist demo .pytest_cache .hypothesis .coverage htmlcov
