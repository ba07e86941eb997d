# What a checkout can do.  Everything is installed into VENV, nothing elsewhere.
#
#   make demo             train on handwritten digits, on an emulated SpiNNaker board (or on DLGRAPH_MACHINE)
#   make test             every test that takes seconds
#   make test-wide        the others: large networks, many random ones
#   make sanitize         the tests of the emulator and of the kernels, built with sanitisers (GCC): some ten minutes
#   make fuzz             made-up input for everything that takes bytes from outside: half an hour.  N=1000000 inputs instead of ten
#                         million, SEED=2 others, RECORD=FILE for the counts
#   make test-long        100 trainings in one process, and 1,000,000,000 packets in one run of the emulated machine: nothing may grow
#                         or get lost; half an hour.  TRAININGS=30 and PACKETS=1000000 for fewer, RECORDS=FOLDER for the records
#   make docs             the documentation, in docs/_build/html
#   make check-pages      pages that reports make, looked at in Chromium, which has to be there; PICTURES=FOLDER keeps what it sees
#   make linkcheck        whether the pages that it names elsewhere are there; needs the network
#   make lint             ruff and mypy
#   make benchmark        training on SpiNNaker (emulated), CPU and GPU compared: speed and energy, into OUTPUT=FOLDER.  QUICK=1 on
#                         little data, in minutes; without, many hours: DATA=FILE names mnist.npz, OPTIONS="--networks lenet5
#                         --devices cpu --repeats 3" are others of dlgraph benchmark; given again, it goes on where it ended
#   make benchmark-mnist  one epoch of MNIST on an emulated board, against the reference and Keras
#   make benchmark-networks
#                         the networks of LeCun et al. 1998 on MNIST, on an emulated board: hours.  DATA=FILE names mnist.npz,
#                         NETWORKS=lenet5 some of them, EPOCHS=1 fewer epochs, THREADS=2 two threads of this computer,
#                         CHECKPOINT=FOLDER checkpoints from which the same command goes on
#   make benchmark-whole  the same trained to the end by the reference, four epochs of each on an emulated board: hours.  DATA=FILE,
#                         WHOLE=lenet5 some of them, THREADS=2; given again, it goes on where it ended
#   make benchmark-to-the-end
#                         the same by Keras on this computer's processors, for seconds to 98% and 99%.  DATA=FILE, OPTIONS as above
#   make benchmark-start-up
#                         where the time goes from train to the first sample, on a computer that does nothing else: minutes.  DATA=FILE
#   make benchmark-pipeline
#                         speed in batches beside that of a batch without end, with other assumptions of the emulator, and what
#                         forbids more.  DATA=FILE
#   make benchmark-prediction
#                         recognition by these, in a row and one at a time, on an emulated board.  DATA=FILE, WHOLE=lenet5 some of them
#   make benchmark-scaling
#                         training on 1 to 48 chips of an emulated board, and by the cost model on many boards.  DATA=FILE,
#                         SCALED=lenet5 others than 784-300-10; given again, it goes on where it ended
#   make clean            remove all of that

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# --no-compile: Python compiles the few modules that are used soon enough
PIP := $(BIN)/python -m pip --disable-pip-version-check
WARNINGS_ARE_ERRORS ?= -W --keep-going

.PHONY: demo test test-wide test-long sanitize fuzz docs check-pages linkcheck lint benchmark benchmark-mnist \
    benchmark-networks benchmark-whole benchmark-to-the-end benchmark-start-up benchmark-pipeline benchmark-prediction \
    benchmark-scaling clean

demo: $(VENV)/has-keras $(VENV)/has-examples
	$(BIN)/python examples/train_digits.py $(if $(DLGRAPH_MACHINE),,--board spinn3)

test: $(VENV)/has-keras $(VENV)/has-test $(VENV)/has-docs
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_OPTIONS)

test-wide: $(VENV)/has-keras $(VENV)/has-test
	$(BIN)/python -m pytest -n 2 -m wide --timeout 3600 $(PYTEST_OPTIONS)

# Python is not built with sanitisers: their library has to be there before it.
SANITIZED := SPINNEMU_SANITIZE=1 DLGRAPH_SANITIZE=1 ASAN_OPTIONS=detect_leaks=0 \
    LD_PRELOAD=$(shell $(if $(filter default,$(origin CC)),gcc,$(CC)) -print-file-name=libasan.so)
KERNEL_TESTS := $(patsubst %,tests/test_%.py,kernels_host kernels_convolution kernels_unit_ops optimiser_kernels reference \
    reference_graphs)

sanitize: $(VENV)/has-test
	$(SANITIZED) $(BIN)/python -m pytest -n 2 --dist loadfile emulator/tests $(KERNEL_TESTS) $(PYTEST_OPTIONS)

N ?= 10000000
SEED ?= 1
RECORD ?= benchmarks/results/fuzz.json

fuzz: $(VENV)/has-test $(VENV)/has-benchmark
	$(BIN)/python benchmarks/fuzz.py --inputs $(N) --seed $(SEED) --out $(RECORD)

TRAININGS ?= 100
PACKETS ?= 1000000000
RECORDS ?= benchmarks/results

test-long: $(VENV)/has-keras $(VENV)/has-test
	$(BIN)/python benchmarks/long_trainings.py --trainings $(TRAININGS) --out $(RECORDS)/long_trainings.json
	$(BIN)/python benchmarks/long_packets.py --packets $(PACKETS) --out $(RECORDS)/long_packets.json

docs: $(VENV)/has-docs
	$(BIN)/python -m sphinx -b html $(WARNINGS_ARE_ERRORS) docs docs/_build/html

check-pages: $(VENV)/has-dlgraph
	$(BIN)/python tests/pages_in_browser.py $(if $(PICTURES),--pictures $(PICTURES))

linkcheck: $(VENV)/has-docs
	$(BIN)/python -m sphinx -b linkcheck docs docs/_build/linkcheck

lint: $(VENV)/has-lint build/typecheck
	$(BIN)/python -m ruff check
	MYPYPATH=build/typecheck $(BIN)/python -m mypy -p dlgraph -p spinnemu

OUTPUT ?= build/benchmark

benchmark: $(VENV)/has-keras $(VENV)/has-benchmark $(VENV)/has-examples
	$(BIN)/dlgraph benchmark --output $(OUTPUT) $(if $(QUICK),--quick) $(if $(DATA),--data $(DATA)) $(OPTIONS)

benchmark-to-the-end: $(VENV)/has-keras $(VENV)/has-benchmark
	$(BIN)/dlgraph benchmark --to-the-end --devices cpu distributed --output benchmarks/results/to_the_end $(if $(DATA),--data $(DATA)) \
	    $(OPTIONS)

benchmark-mnist: $(VENV)/has-keras $(VENV)/has-benchmark
	$(BIN)/python benchmarks/train_mnist.py --out benchmarks/results/train_mnist.json

NETWORKS ?= mlp_300 mlp_300_100 lenet1 lenet4 lenet5 boosted_lenet4
EPOCHS ?= 3
THREADS ?= 1

benchmark-networks: $(VENV)/has-keras $(VENV)/has-benchmark $(VENV)/has-examples
	for network in $(NETWORKS); do \
	    $(BIN)/python benchmarks/train_networks.py --network $$network --epochs $(EPOCHS) --threads $(THREADS) $(if $(DATA),--data $(DATA)) \
	        $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) --output benchmarks/results || exit 1; done

WHOLE ?= mlp_300 mlp_300_100 lenet1 lenet4 lenet5 boosted_lenet4

benchmark-whole: $(VENV)/has-keras $(VENV)/has-benchmark $(VENV)/has-examples
	for network in $(WHOLE); do \
	    $(BIN)/python benchmarks/whole_training.py --network $$network --threads $(THREADS) $(if $(DATA),--data $(DATA)) \
	        --work build/whole --out benchmarks/results/whole_training.json || exit 1; done

benchmark-start-up: $(VENV)/has-keras $(VENV)/has-benchmark
	$(BIN)/python benchmarks/start_up.py $(if $(DATA),--data $(DATA)) --out benchmarks/results/start_up.json

benchmark-pipeline: $(VENV)/has-keras $(VENV)/has-benchmark
	$(BIN)/python benchmarks/speed_bounds.py $(if $(DATA),--data $(DATA)) --out benchmarks/results/speed_bounds.json
	$(BIN)/python benchmarks/pipeline.py $(if $(DATA),--data $(DATA)) --out benchmarks/results/pipeline.json
	for percent in 50 200; do \
	    $(BIN)/python benchmarks/pipeline.py --network mlp_300 --assumptions $$percent $(if $(DATA),--data $(DATA)) \
	        --out benchmarks/results/pipeline.json && \
	    $(BIN)/python benchmarks/pipeline.py --network lenet5 --batch 256 --assumptions $$percent $(if $(DATA),--data $(DATA)) \
	        --out benchmarks/results/pipeline.json || exit 1; done

benchmark-prediction: $(VENV)/has-keras $(VENV)/has-benchmark
	$(BIN)/python benchmarks/prediction.py $(addprefix --network ,$(filter-out boosted_lenet4,$(WHOLE))) --threads $(THREADS) \
	    $(if $(DATA),--data $(DATA)) --out benchmarks/results/prediction.json

SCALED ?= mlp_300

benchmark-scaling: $(VENV)/has-keras $(VENV)/has-benchmark $(VENV)/has-examples
	for network in $(SCALED); do \
	    $(BIN)/python benchmarks/scaling.py --network $$network --threads $(THREADS) $(if $(DATA),--data $(DATA)) \
	        --out benchmarks/results/scaling.json || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build c_models/build .hypothesis .mypy_cache .pytest_cache .ruff_cache reports
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call requirements,TABLE) is Python that prints requirements from pyproject.toml, one per line.
requirements = import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))$(1), sep="\n")

# The package itself, its sources used in place, and what is compiled from them.  The build's tools come first and stay: a
# checkout compiles again when a source has changed.
$(VENV)/has-dlgraph: pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c '$(call requirements,["build-system"]["requires"])' > $@.txt
	$(PIP) install -q --no-compile -r $@.txt
	$(PIP) install -q --no-compile --no-build-isolation -e .
	$(BIN)/python -c 'import dlgraph.binaries, spinnemu.build; dlgraph.binaries.binary_folder(); spinnemu.build.library()'
	touch $@

$(VENV)/has-%: $(VENV)/has-dlgraph
	$(BIN)/python -c '$(call requirements,["project"]["optional-dependencies"]["$*"])' > $@.txt
	$(PIP) install -q --no-compile -r $@.txt
	touch $@

# mypy wants to see folders named as packages
build/typecheck: FORCE
	rm -rf $@ && mkdir -p $@/dlgraph
	cd $@/dlgraph && ln -s ../../../dlgraph/* . && ln -s ../../../vertices vertices
	ln -s ../../emulator $@/spinnemu

FORCE:
