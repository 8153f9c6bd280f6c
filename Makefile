# Towline: `make help` lists the targets.
SHELL := /bin/sh
SWIFT ?= swift
DEBUG_BIN := $(CURDIR)/.build/debug/towline
RELEASE_BIN := $(CURDIR)/.build/release/towline
# The same settings for every build of a kind, so that one build serves all that need it.
BUILD_FLAGS := --explicit-target-dependency-import-check error
RELEASE_FLAGS := -c release --static-swift-stdlib $(BUILD_FLAGS) --product towline
SOURCES := Package.swift Sources Tests examples

.PHONY: help
help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: packages
packages:
	@scripts/install-packages.sh

.PHONY: build
build: packages ## Builds the release binary
	$(SWIFT) build $(RELEASE_FLAGS)

.PHONY: demo
demo: build ## Builds, then shows the main job end to end with an official SDK
	@scripts/setup-venvs.sh vod-new
	$(RELEASE_BIN) demo --submit-with ".venv/vod-new/bin/python examples/python/submit.py"

.PHONY: run
run: build ## Starts `towline dev`
	$(RELEASE_BIN) dev

.PHONY: lint
lint: ## Checks the format and the documentation rules
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)

.PHONY: format
format: ## Formats the sources in place
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

.PHONY: test-build
test-build: packages
	$(SWIFT) build --build-tests $(BUILD_FLAGS)

.PHONY: test-swift
test-swift: test-build ## Runs the Swift tests
	@SWIFT="$(SWIFT)" scripts/swift-tests.sh $(BUILD_FLAGS)

.PHONY: test-sdk
test-sdk: test-build ## Runs the official SDKs against the built binary
	@scripts/setup-venvs.sh
	TOWLINE_BIN=$(DEBUG_BIN) .venv/test/bin/python -m pytest -q Tests/Conformance

.PHONY: test-e2e
test-e2e: test-build ## Runs the built binary through kills, power cuts and wrong usage (a sample)
	@scripts/setup-venvs.sh
	TOWLINE_BIN=$(DEBUG_BIN) .venv/test/bin/python -m pytest -q Tests/EndToEnd -m "not torture"

.PHONY: test
test: lint test-swift test-sdk test-e2e ## Everything a change must pass

.PHONY: check
check: ## What CI runs
	.ci/run

.PHONY: torture
torture: build ## The full counts of kills and power cuts; writes docs/torture.md
	@scripts/setup-venvs.sh
	TOWLINE_BIN=$(RELEASE_BIN) .venv/test/bin/python -m pytest -q -s Tests/EndToEnd -m torture --report docs/torture.md

.PHONY: bench
bench: build ## Towline and its peers side by side in one run; prints ratios
	@scripts/setup-venvs.sh --bench test
	TOWLINE_BIN=$(RELEASE_BIN) .venv/test/bin/python Benchmarks/run.py

.PHONY: docs
docs: ## Writes the generated pages under docs/ anew
	UPDATE_GENERATED=1 $(SWIFT) test $(BUILD_FLAGS) --filter SettingsDocumentTests
	UPDATE_GENERATED=1 $(SWIFT) test $(BUILD_FLAGS) --filter FailureCodeDocumentTests
