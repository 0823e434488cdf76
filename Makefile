# Parallax: `make run` and `make test`. The work is done by cargo and by the small programs in scripts/.
#
#   GPU=none|cuda|vulkan|metal   instead of the accelerator that scripts/accelerator finds by itself
#   ARGS='--theme light'         options of the workbench, or a subcommand: ARGS='run --seed 7'
#   PARALLAX_YES=1               install what is missing without asking

export GPU

LOCKED := $(if $(CI),--locked)
CLIPPY := cargo clippy $(LOCKED) --all-targets
DOC := RUSTDOCFLAGS='-D warnings' cargo doc $(LOCKED) --no-deps --document-private-items

.PHONY: help prerequisites build run check test soak install clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-15s%s\n", $$1, $$2 }' Makefile

PURPOSE := build
prerequisites: ## see to cmake, a C++17 compiler, libclang and Rust; install what is missing
	@scripts/prerequisites $(PURPOSE)

build: prerequisites ## compile Parallax and its engine
	@features=$$(scripts/accelerator) && cargo build $(LOCKED) $$features

run: PURPOSE := run
run: build ## build, fetch the starter model if there is none, and open the workbench
	@scripts/run $(ARGS)

check: prerequisites ## the quick part of the tests: file lengths, format, lints and docs without the engine
	scripts/check-file-lengths
	cargo fmt --check
	$(CLIPPY) --no-default-features -- -D warnings
	$(DOC) --no-default-features

test: PURPOSE := test
test: check ## everything that CI runs; engine tests on the real starter model
	features=$$(scripts/accelerator) && $(CLIPPY) $$features -- -D warnings
	features=$$(scripts/accelerator) && $(DOC) $$features
	scripts/test

soak: PURPOSE := test
soak: prerequisites ## the tests that take longer
	scripts/test soak

install: build ## put the program on the path (cargo's bin folder), without compiling it again
	@features=$$(scripts/accelerator) && \
	cargo install --locked --debug --path . --target-dir "$${CARGO_TARGET_DIR:-target}" $$features

clean: ## remove all that was built, and the tests' model
	cargo clean
