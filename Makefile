# make demo    inspects three simulated cameras with the shipped models; ARGS="--help" lists the options
# make test    runs every test, services included
# make weights trains the shipped models anew and measures them (at most four hours on two cores)
# make protos  generates daemon/inspectd/v1 from protos/
# make lint    ruff and mypy

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := .tools/bin/uv
ARGS   ?=
export UV_LINK_MODE ?= hardlink

.PHONY: demo test weights protos lint format constraints clean

demo: $(VENV)/.demo
	$(BIN)/inspectd demo $(ARGS)

test: $(VENV)/.test
	tests/install-browser
	$(BIN)/python -m pytest $(ARGS)

weights: $(VENV)/.test
	models/train-weights $(BIN)

protos: $(VENV)/.test
	$(BIN)/python protos/generate.py

lint: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# torch is held where the tests saw it; everything else is the newest that pyproject.toml allows.
constraints: $(UV)
	(echo "# What the tests ran with. Remade by: make constraints"; \
	 echo "torch==2.13.0" | $(UV) pip compile -q pyproject.toml --all-extras --no-header --no-annotate \
	   --python-version 3.11 -c /dev/stdin) > constraints.new && mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) .tools

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"

$(BIN)/python: $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt $(BIN)/python
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[models]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt $(BIN)/python
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[stack,models,openvino,export,dev]'
	touch $@ $(VENV)/.demo
