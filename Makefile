# The one door. `make help` says what is behind it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

WITH_SERVERS := target/debug/with-servers

.PHONY: help run test bench rules mutants import-incidents kill lint fmt proto released sql contract-tools tools

help: ## Says what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

run: ## Runs everything in one process, plays the main job once and shows the letter and the SMS (ONCE=1: then ends)
	cargo build --package cabinet --locked
	@deploy/local/run

test: tools ## Proves everything: lints, queries, unit tests, journeys over PostgreSQL, RabbitMQ, SMTP, SMPP and RADIUS, rules
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo build --workspace --bins --locked
	$(WITH_SERVERS) --postgres -- deploy/local/prepare-queries --check
	$(WITH_SERVERS) --postgres --rabbitmq -- cargo nextest run --workspace --locked
	cargo run --quiet --package cabinet-e2e --bin rules
	$(WITH_SERVERS) --postgres --rabbitmq -- tests/mutants/run --three

bench: tools ## Measures beside the machine's own limits, built for release; writes target/bench/report.json (BENCH="--quick")
	cargo build --workspace --bins --release --locked
	@mkdir -p target/bench
	target/release/cabinet-bench $(BENCH) 2>target/bench/services.log

rules: ## Prints which passed test of the last `make test` proves which rule
	cargo run --quiet --package cabinet-e2e --bin rules

mutants: tools ## Breaks a copy of the sources in every way we know and wants a named test to fail each time
	cargo build --package cabinet-testkit --bins --locked
	$(WITH_SERVERS) --postgres --rabbitmq -- tests/mutants/run

import-incidents: tools ## Imports an event log (FILE=…) into a Cabinet of its own, twice, and holds the letters against the file
	cargo build --workspace --bins --locked
	CABINET__LOG__FILTER=warn $(WITH_SERVERS) --postgres --rabbitmq -- target/debug/import-incidents "$(FILE)"

kill: tools ## Imports an event log into 12 realms and kills everything meanwhile (FILE=, SEED=, MINUTES=, REALMS=, KILLS=); target/kill/report.json
	cargo build --workspace --bins --locked
	@mkdir -p target/kill
	@CABINET__LOG__FILTER=warn target/debug/kill file="$(FILE)" seed="$(SEED)" minutes="$(MINUTES)" realms="$(REALMS)" kills="$(KILLS)" \
		2>target/kill/services.log || { tail -n 20 target/kill/services.log; exit 1; }

lint: ## Formatting and lints, warnings being errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt: ## Formats the sources
	cargo fmt --all

proto: contract-tools ## Checks the contract: style, comments, nothing released broken; writes its documentation to target/docs
	deploy/local/contract lint
	deploy/local/contract breaking
	deploy/local/contract docs target/docs

released: contract-tools ## Takes the contract as it stands for released: writes proto/released.binpb, which a release commits (BREAKING=yes: also one that breaks the last)
	deploy/local/contract lint
	[ "$(BREAKING)" = yes ] || deploy/local/contract breaking
	deploy/local/contract release

sql: tools ## Writes the committed query data (crates/*/.sqlx) after a query or a migration has changed
	cargo build --package cabinet-testkit --bins --locked
	$(WITH_SERVERS) --postgres -- deploy/local/prepare-queries

contract-tools: # What `make proto` needs from outside
	@deploy/local/install-packages nodejs npm python3-venv
	@deploy/local/install-npm
	@deploy/local/install-pypi

tools: contract-tools # What tests need from outside; installed when missing and allowed (root, or CABINET_INSTALL=yes)
	@deploy/local/install-packages postgresql rabbitmq-server postfix kubernetes-client freeradius freeradius-rest freeradius-utils
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked
