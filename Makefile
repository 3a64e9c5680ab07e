# Two commands do all the set-up: `make demo` and `make test`. Everything is installed in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test format clean

demo: .venv/installed
	$(BIN)/python recipes/urbansound/train.py hparams/resnet_dilated.yaml
	$(BIN)/aed publish results/urbansound_demonstration/resnet_dilated/1986 \
	    results/demonstration/resnet_dilated --license apache-2.0 --force
	$(BIN)/python -m aed_plugins.data.synthetic.recording results/demonstration/synthesized_street.wav

test: .venv/installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	PYTHONPATH=recipes/tedlium $(BIN)/lint-imports
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run -m pytest -n auto --dist=worksteal --durations=15
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Mends what `make test` says about layout and imports.
format: .venv/installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf .venv build *.egg-info .coverage* .*_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "Python 3.10 or later is needed: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	    { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e .
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@ .venv/installed
