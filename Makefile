# A thin layer over the CMake presets. `make help` lists the targets.
SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin
PRESET ?= release
JOBS ?= $(shell nproc)
# Many tests wait more than they compute.
TEST_JOBS ?= $(shell echo $$((3 * $(JOBS))))
LOGS := build/logs
STEP := scripts/step.sh

.PHONY: help demo test build package check format tidy bench bench-report bench-quick fuzz fuzz-afl differential soak coverage sbom clean

help:
	@echo "make demo     install what is missing, build, and run the main job"
	@echo "make test     install what is missing, build, and run all tests"
	@echo "make package  Debian packages, in build/release/packages"
	@echo "make check    layering, format and static analysis"
	@echo "make bench    benchmarks against peers, as ratios of one run"
	@echo "make bench-report, bench-quick    the same as a page in docs/benchmarks; under 3 minutes, failing below a bar"
	@echo "make fuzz     each fuzz target for FUZZ_SECONDS (60)"
	@echo "make fuzz-afl AFL++ on the policy loader for FUZZ_SECONDS (60)"
	@echo "make differential    the policy engine beside a slow model, QUESTIONS (1000000) from SEED (random)"
	@echo "make soak     runs for MINUTES (10), or until EVALUATIONS and COMMANDS, with processes killed at random times"
	@echo "make coverage lines of the policy and the host functions that no test reaches"
	@echo "make sbom     what it is made of, as CycloneDX, in build/sbom"
	@echo "make format   format the sources"
	@echo "make clean    remove build/ except the built WebAssembly engine, the tools of interpreters, tests and bindings, and clean systems for tests"
	@echo "PRESET=dev|release|asan-ubsan|tsan chooses the build of 'make test' and 'make build'"

demo:
	@$(STEP) 1/4 "Installing what is missing" $(LOGS)/dependencies.log scripts/install_dependencies.sh --without-interpreters
	@$(STEP) 2/4 "Building the WebAssembly engine (once, about 5 minutes)" $(LOGS)/wasmtime.log scripts/build_wasmtime.sh build/wasmtime
	@$(STEP) 3/4 "Building OmniSandbox and the demo's guests" $(LOGS)/build-release.log scripts/build.sh release $(JOBS) omnisandbox_command guests
	@echo "[4/4] Running the main job: examples/licence_report"
	@examples/licence_report/demo.sh build/release/bin/omnisandbox build/release/guests

test:
	@$(STEP) 1/4 "Installing what is missing" $(LOGS)/dependencies.log scripts/install_dependencies.sh
	@$(STEP) 2/4 "Building the WebAssembly engine (once, about 5 minutes)" $(LOGS)/wasmtime.log scripts/build_wasmtime.sh build/wasmtime
	@$(STEP) 3/4 "Building OmniSandbox and its tests ($(PRESET))" $(LOGS)/build-$(PRESET).log scripts/build.sh $(PRESET) $(JOBS)
	@echo "[4/4] Running all tests ($(PRESET))"
	@ctest --preset $(PRESET) -j $(TEST_JOBS) --progress

build:
	@$(STEP) 1/2 "Building the WebAssembly engine (once, about 5 minutes)" $(LOGS)/wasmtime.log scripts/build_wasmtime.sh build/wasmtime
	@$(STEP) 2/2 "Building OmniSandbox ($(PRESET))" $(LOGS)/build-$(PRESET).log scripts/build.sh $(PRESET) $(JOBS)

check: build
	scripts/check_layers.py
	scripts/check_format.sh
	scripts/check_tidy.sh build/$(PRESET)

format:
	scripts/check_format.sh --fix

bench: build
	bench/run.py build/release

package: build
	cmake --build build/$(PRESET) --target package

bench-report: build
	bench/report.py build/release

bench-quick: build
	bench/report.py build/release --quick

fuzz:
	scripts/fuzz.sh $${FUZZ_SECONDS:-60}

fuzz-afl:
	scripts/afl.sh $${FUZZ_SECONDS:-60}

differential: build
	tests/differential/differential_test.py build/$(PRESET)/tests/differential/omnisandbox_policy_questions \
	  --questions $${QUESTIONS:-1000000} --seed $${SEED:-$$RANDOM$$RANDOM}

soak: build
	tests/soak/soak.py build/$(PRESET) $(if $(EVALUATIONS)$(COMMANDS),--evaluations $(or $(EVALUATIONS),0) --commands $(or $(COMMANDS),0),--minutes $(or $(MINUTES),10))

coverage:
	scripts/build_wasmtime.sh build/wasmtime
	scripts/coverage.sh $(JOBS)

sbom: build
	scripts/make_sbom.py build/$(PRESET) -o build/sbom/omnisandbox.cdx.json
	scripts/check_sbom.py build/sbom/omnisandbox.cdx.json build/$(PRESET)

clean:
	find build -mindepth 1 -maxdepth 1 ! -name wasmtime ! -name interpreter-tools ! -name mcp-clients ! -name python-tools ! -name clean-roots -exec rm -rf {} +
