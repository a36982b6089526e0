# The two commands of the README. Both set up what they need.

# One folder for everything that is built, so that a fresh clone reuses it.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/mycelium-build
BIN := $(CARGO_TARGET_DIR)/debug
PREFIX ?= $(HOME)/.local

# Where no prebuilt DuckDB could be had, it is compiled in. The shell decides when the line runs: make expands all
# lines of a recipe before the first one, which is the set-up that brings the library.
FEATURES = $$(test -f .tools/duckdb/libduckdb.so || echo --features mycelium/bundled)

# cargo-nextest where there is one: it runs the tests of all crates side by side.
TEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest run || echo test)

.PHONY: demo test setup build install lint

demo: build
	@echo; echo '$$ truffle search h200 8gpu efa'; $(BIN)/truffle search h200 8gpu efa
	@echo; echo '$$ truffle search cheap arm 4 vcpu --explain'; $(BIN)/truffle search cheap arm 4 vcpu --explain --limit 5
	@echo; echo '$$ truffle compare m7i.xlarge m7g.xlarge m7a.xlarge'; $(BIN)/truffle compare m7i.xlarge m7g.xlarge m7a.xlarge
	@echo; echo '$$ truffle query "SELECT arch, count(*) AS types, max(vcpus) AS most FROM instance_type GROUP BY arch ORDER BY types DESC"'
	@$(BIN)/truffle query "SELECT arch, count(*) AS types, max(vcpus) AS most FROM instance_type GROUP BY arch ORDER BY types DESC"
	@echo; echo 'truffle lies in $(BIN); make install puts it into $(PREFIX)/bin'

setup:
	cargo xtask setup

# All of it, as the tests do: for a part alone cargo would build the AWS SDK with other features once more.
build: setup
	cargo build $(FEATURES) --workspace

test:
	cargo xtask setup --tests
	cargo build $(FEATURES) --workspace
	cargo $(TEST) $(FEATURES) --workspace --no-fail-fast
	cargo fmt --all --check
	cargo clippy $(FEATURES) --workspace --all-targets --quiet -- -D warnings

# mycelium and the small programs beside it; the DuckDB library where they look for it.
install: setup
	cargo build $(FEATURES) --release -p mycelium
	install -d $(PREFIX)/bin $(PREFIX)/lib
	install $(addprefix $(CARGO_TARGET_DIR)/release/,mycelium truffle collector spawn) $(PREFIX)/bin
	test ! -f .tools/duckdb/libduckdb.so || install .tools/duckdb/libduckdb.so $(PREFIX)/lib
