# Each command installs what it needs first.

# One folder for all build results, so that a fresh clone reuses them.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/mycelium-build
BIN := $(CARGO_TARGET_DIR)/debug
PREFIX ?= $(HOME)/.local

# The executables of `app::PROGRAMS`; a tidy test compares the two lists.
EXECUTABLES := truffle collector spawn

# DuckDB is compiled in where the prebuilt library could not be installed. The shell decides this
# when the line runs: make expands all lines of a recipe before the first one, which is the set-up.
BUNDLED = $$(test -f .tools/duckdb/libduckdb.so || echo --features $(1)/bundled)

# cargo-nextest runs the tests of all crates side by side, where it is installed.
TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest run || echo test)

.PHONY: demo demo-spawn build test test-long setup install

# Builds the executable truffle alone: it needs no AWS SDK and no polars, which take most of the
# time of `make build`. A few small crates are built again by `make build`, because cargo chooses
# the features of a crate by the packages that are built together.
demo: setup
	cargo build $(call BUNDLED,app) -p app
	@echo; echo '$$ truffle search h200 8gpu efa'; $(BIN)/truffle search h200 8gpu efa
	@echo; echo '$$ truffle search cheap arm 4 vcpu --explain'; $(BIN)/truffle search cheap arm 4 vcpu --explain --limit 5
	@echo; echo '$$ truffle compare m7i.xlarge m7g.xlarge m7a.xlarge'; $(BIN)/truffle compare m7i.xlarge m7g.xlarge m7a.xlarge
	@echo; echo '$$ truffle query "SELECT arch, count(*) AS types, max(vcpus) AS most FROM instance_type GROUP BY arch ORDER BY types DESC"'
	@$(BIN)/truffle query "SELECT arch, count(*) AS types, max(vcpus) AS most FROM instance_type GROUP BY arch ORDER BY types DESC"
	@echo; echo 'truffle is in $(BIN); make install copies it to $(PREFIX)/bin'

# The newcomer's tour of spawn, in the sandbox. Where Debian's OpenSSH server can be unpacked and
# namespaces are allowed, it has a real ssh session. It leaves nothing behind.
demo-spawn: build
	cargo xtask setup --ssh
	cargo xtask daemon
	sh tests/demo-spawn.sh $(BIN)

setup:
	cargo xtask setup

# The whole workspace in one call: for a part of it, cargo would build the AWS SDK again with other
# features.
build: setup
	cargo build $(call BUNDLED,mycelium) --workspace

test:
	cargo xtask setup --tests
	cargo build $(call BUNDLED,mycelium) --workspace
	cargo $(TEST) $(call BUNDLED,mycelium) --workspace --no-fail-fast
	cargo fmt --all --check
	cargo clippy $(call BUNDLED,mycelium) --workspace --all-targets --quiet -- -D warnings

# The same with the long tests in full; `make test` runs a sample of each.
test-long:
	MYCELIUM_LONG=1 $(MAKE) test

# truffle is in the package app, the others are in mycelium. Both packages are built in one call,
# so that the crates they share have one set of features and are compiled once. This does not add a
# dependency to truffle: features of shared crates may be added, crates are not.
# The DuckDB library goes to the folder where the executables look for it, and so does spawnd, which
# spawn sends to instances.
install: setup
	cargo xtask daemon
	cargo build $(call BUNDLED,mycelium) --release -p app -p mycelium
	install -d $(PREFIX)/bin $(PREFIX)/lib
	install $(addprefix $(CARGO_TARGET_DIR)/release/,mycelium $(EXECUTABLES)) $(PREFIX)/bin
	install -d $(PREFIX)/lib/mycelium
	install $(CARGO_TARGET_DIR)/lib/mycelium/spawnd-$$(uname -m) $(PREFIX)/lib/mycelium
	install -m 644 $(CARGO_TARGET_DIR)/lib/mycelium/spawnd-$$(uname -m).json $(PREFIX)/lib/mycelium
	test ! -f .tools/duckdb/libduckdb.so || install .tools/duckdb/libduckdb.so $(PREFIX)/lib
