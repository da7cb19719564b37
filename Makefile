# A thin front for CMake; see README.md. `make help` lists the targets.
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
RELEASE := build/release
SAMPLE_BUNDLE := build/sample

.PHONY: help deps build run check check-threads check-arm64 lint fuzz-build install clean peers bench sample builtin-rules

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

deps:
	@bash scripts/install-deps.sh build

build: deps ## build/release/ai-log-filter
	@cmake --preset release -DBUILD_TESTING=OFF >build-configure.log 2>&1 || { cat build-configure.log; rm -f build-configure.log; exit 1; }
	@rm -f build-configure.log
	@cmake --build $(RELEASE) -j $(JOBS) -- --no-print-directory

run: build ## convert the sample models, prove and validate them, classify the sample logs
	@bash scripts/demo.sh $(RELEASE)/ai-log-filter $(SAMPLE_BUNDLE)

check: ## build with sanitizers, run every test
	@bash scripts/install-deps.sh build check
	@cmake --preset debug
	@cmake --build build/debug -j $(JOBS) -- --no-print-directory
	@ctest --preset debug -j $(JOBS)

lint: ## format, clang-tidy, cppcheck, shellcheck, layering
	@bash scripts/install-deps.sh build check lint
	@cmake --preset clang >/dev/null && bash scripts/lint.sh build/clang

fuzz-build: ## the fuzz targets (libFuzzer) in build/fuzz/tests
	@bash scripts/install-deps.sh build check fuzz
	@cmake --preset fuzz
	@cmake --build build/fuzz -j $(JOBS) -- --no-print-directory

check-threads: ## build with the thread sanitizer, run the tests that use threads
	@bash scripts/install-deps.sh build check
	@cmake --preset tsan >/dev/null
	@cmake --build build/tsan -j $(JOBS) --target ai-log-filter test_ordered test_pattern_threads test_lib -- --no-print-directory
	@ctest --preset tsan -R "^test_(ordered|pattern_threads|lib|threads|serve_.*)$$"

# Debian's libevent-dev is there for one architecture at a time: the next build puts this machine's back.
check-arm64: ## cross-compile for arm64 and run the tests under QEMU
	@[ "$$(dpkg --print-foreign-architectures | grep -x arm64)" ] || dpkg --add-architecture arm64 || sudo dpkg --add-architecture arm64
	@bash scripts/install-deps.sh build check arm64
	@cmake --preset arm64
	@cmake --build build/arm64 -j $(JOBS) -- --no-print-directory
	@ctest --preset arm64 -j $(JOBS) -LE "cli|integration"

peers: deps ## compare with ONNX Runtime and the golden answers (needs a Python package index)
	@bash scripts/install-deps.sh check peers
	@cmake --preset release -DBUILD_TESTING=ON >/dev/null
	@cmake --build $(RELEASE) -j $(JOBS) -- --no-print-directory
	@bash scripts/peers/run.sh $(RELEASE)

bench: build ## time it beside ONNX Runtime and the Python ensemble (needs a Python package index)
	@bash scripts/install-deps.sh peers sample bench
	@bash bench/run.sh $(RELEASE)

sample: ## train models/sample again
	@bash scripts/install-deps.sh sample
	@/usr/bin/python3 scripts/train_sample.py

builtin-rules: ## after a change of configs/rules.yaml or the built-in gate: what it comes to
	@bash scripts/install-deps.sh build check
	@cmake --preset debug >/dev/null
	@cmake --build build/debug -j $(JOBS) --target test_builtin_rules -- --no-print-directory
	@build/debug/tests/test_builtin_rules --write src/classify/builtin_rules.c

install: build ## into PREFIX (default /usr/local)
	@cmake --install $(RELEASE) --prefix $(PREFIX)

clean: ## remove build/
	rm -rf build
