# The front door over CMake: `make help` says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
DATA ?= build/demo/db
HTTP_PORT ?= 8080
SOURCES = git ls-files -co --exclude-standard -- '*.h' '*.cc'
export CTEST_OUTPUT_ON_FAILURE := 1

# $(call configure-and-build,preset,targets)
define configure-and-build
cmake --preset $(1)
cmake --build --preset $(1) -j $(JOBS) --target $(2)
endef

.PHONY: help
help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: setup setup-tools
setup: ## install the Debian packages that are missing (.ci/packages.txt)
	@.ci/setup build bench

setup-tools:
	@.ci/setup build bench tools

.PHONY: build demo serve
build: setup ## build everything for use: build/release/bin
	$(call configure-and-build,release,all)

demo: setup ## load real texts, search them, crash and recover
	$(call configure-and-build,release,kyro_demo)
	server/demo/run.sh build/release $(ARGS)

serve: setup ## start the server on the demo's data (DATA=…, HTTP_PORT=…)
	$(call configure-and-build,release,kyro)
	build/release/bin/kyro serve --data $(DATA) --http-port $(HTTP_PORT)

.PHONY: test test-long test-asan test-tsan test-lean
test: setup ## build with all checks on and run all tests
	$(call configure-and-build,dev,all all_verify_interface_header_sets)
	ctest --test-dir build/dev -j $(JOBS) --no-tests=error

# LONG=regex picks some (long.kills, say); KYRO_<NAME> sets a count: see tests/engine/README.md.
LONG ?= .
test-long: setup ## the durability battery in full (tests/engine/README.md), about half an hour
	$(call configure-and-build,dev,all)
	CTEST_OUTPUT_ON_FAILURE=0 ctest --test-dir build/dev -C Long -L long -R '$(LONG)' -V \
	  -j $(JOBS) --no-tests=error

test-asan: setup ## the tests with AddressSanitizer and UndefinedBehaviorSanitizer
	$(call configure-and-build,asan,all)
	ctest --test-dir build/asan -j $(JOBS) --no-tests=error

test-tsan: setup ## the tests with ThreadSanitizer
	$(call configure-and-build,tsan,all)
	ctest --test-dir build/tsan -j $(JOBS) --no-tests=error

test-lean: setup ## the tests without any optional library
	$(call configure-and-build,lean,all)
	ctest --test-dir build/lean -j $(JOBS) --no-tests=error

# Every target runs, also after one has failed; findings lie in build/fuzz/findings.
.PHONY: fuzz
fuzz: setup-tools ## run each fuzz target for FUZZ_SECONDS (60)
	$(call configure-and-build,fuzz,kyro_fuzzers)
	@mkdir -p build/fuzz/findings; failed=""; \
	for name in $$(cat build/fuzz/fuzzers.txt); do \
	  echo "==== $$name"; \
	  mkdir -p build/fuzz/corpus/$$name; \
	  seeds=tests/fuzz/corpus/$$name; [ -d $$seeds ] || seeds=""; \
	  build/fuzz/bin/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	    -print_final_stats=1 -artifact_prefix=build/fuzz/findings/$$name- \
	    build/fuzz/corpus/$$name $$seeds 2>&1 | tail -n 25 || failed="$$failed $$name"; \
	done; \
	if [ -n "$$failed" ]; then echo "fuzz: failed:$$failed" >&2; exit 1; fi; \
	echo "fuzz: no findings in: $$(tr '\n' ' ' < build/fuzz/fuzzers.txt)"

# Each writes build/bench/<name>.json beside the table that it prints; ARGS go to the program.
.PHONY: bench-learned bench-box bench-kv bench-wal bench-kernels bench-micro bench-ann bench-retrieval
bench-learned: BENCH = learned_index_bench
bench-box: BENCH = box_bench
bench-kv: BENCH = kv_bench
bench-wal: BENCH = wal_bench
bench-kernels: BENCH = kernel_bench
bench-micro: BENCH = micro_bench
bench-ann: BENCH = ann_bench
bench-learned: ## learned index against B-tree, static tree and binary search
bench-box: ## points in boxes: Z-order in a learned run against a packed R*-tree
bench-kv: ## reads, loads, YCSB against RocksDB, LMDB, LevelDB, SQLite (ARGS="--keys 200000": quick)
bench-wal: ## durable commits against RocksDB and a bare write and fdatasync
bench-kernels: ## distance kernels of each instruction set, FAISS, HNSW against a scan
bench-micro: ## single functions under Google Benchmark
bench-ann: ## recall against queries/s: hnswlib, FAISS (ARGS="--data F.hdf5"; KYRO_JUDGES has some)
bench-learned bench-box bench-kv bench-wal bench-kernels bench-micro bench-ann: setup
	$(call configure-and-build,release,$(BENCH))
	@mkdir -p build/bench
	build/release/bin/$(BENCH) $(ARGS)

TEXTS = build/demo/texts
bench-retrieval: setup ## recall of hashbag and BM25: package titles against descriptions
	$(call configure-and-build,release,retrieval_bench)
	server/demo/fetch_texts.sh
	build/release/bin/retrieval_bench --translation $(TEXTS)/translations.txt \
	  --packages $(TEXTS)/available.txt $(ARGS)

.PHONY: format format-check tidy clean
format: setup-tools ## clang-format all sources in place
	$(SOURCES) | xargs clang-format-16 -i

format-check: setup-tools ## fail when a source is not formatted
	$(SOURCES) | xargs clang-format-16 --dry-run -Werror

tidy: setup-tools ## clang-tidy over all sources that the dev preset builds
	cmake --preset dev
	$(SOURCES) | grep '\.cc$$' | sort > build/dev/sources.txt
	grep -oE '"file": "[^"]+"' build/dev/compile_commands.json | cut -d'"' -f4 \
	  | sed "s|^$$PWD/||" | sort -u | comm -12 - build/dev/sources.txt \
	  | xargs -P $(JOBS) -n 4 clang-tidy-16 -p build/dev --quiet

clean: ## remove build/
	rm -rf build
