# Bourse. `make run` serves the demo market, `make test` runs every check.

PYTHON ?= python3
PORT ?= 8081
CHECK_PORT = $(BIN)/python -m exchange_site.port '$(PORT)' make
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup run compiled cluster test test-slow test-long test-postgres check unit coverage bench bench-cluster attack chaos chaos-cluster fuzz contracts fuzz-rest histories mutants soak pictures lists audit format pin clean

setup: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt requirements-vnpy.txt requirements-ccxt.txt package.json package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@echo 'Installing what Bourse is made of; the first time this takes a minute.'
	@test -x $(BIN)/python || { echo '  a virtual environment in $(VENV)'; $(PYTHON) -m venv $(VENV); }
	@echo '  Python packages ...'
	@{ $(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt -r requirements-dev.txt \
	&& $(BIN)/python -m pip install --disable-pip-version-check --no-deps -r requirements-vnpy.txt -r requirements-ccxt.txt; echo $$? >$(VENV)/.pip; } \
	| awk '/^Collecting/ { sub(/[^A-Za-z0-9_.-].*/, "", $$2); print "    " $$2; fflush() } /^Installing collected/ { print "    ... all of them are being installed"; fflush() }'; \
	exit $$(cat $(VENV)/.pip)
	@if ! command -v npm >/dev/null; then echo '  no npm here: the trading page goes without its candle chart, and says so.'; \
	else echo '  the candle chart (npm) ...'; npm ci --silent || echo '  npm ci failed: the trading page goes without its candle chart, and says so.'; fi
	@touch $@

# The demo: plain HTTP on this machine only, with a market that has a past, fresh tokens, and bots that trade (BOTS=off:
# none). Bots and addresses wait for the server, which takes the place of this shell, and end when it does. The terminal
# is for a person: warnings and a line a minute; everything else is in the files of LOG_DIR. Whoever types it twice
# leaves the tokens and the bots of the first alone.
BOTS ?= on
LOG_DIR ?= $(or $(DATA_DIR),data)/log
run: export DEMO ?= on
run: setup
	@$(CHECK_PORT) run
	@echo 'The log is in $(LOG_DIR)/server.jsonl and bots.jsonl; here you see warnings and a line a minute.'
	@echo 'Preparing the database ...'
	@LOG_FILE=$(LOG_DIR)/server.jsonl $(BIN)/python manage.py migrate --verbosity 0
	@LOG_FILE=$(LOG_DIR)/server.jsonl $(BIN)/python manage.py seed_demo --past
	@echo 'Starting the server$(if $(filter off,$(BOTS)),, and the bots) ...'
	@test "$(BOTS)" = off || LOG_FILE=$(LOG_DIR)/bots.jsonl exec $(BIN)/python manage.py run_bots --url ws://localhost:$(PORT)/ws --parent $$$$ & \
	LOG_FILE=$(LOG_DIR)/server.jsonl exec $(BIN)/python manage.py seed_demo --verbosity 0 --tokens --port $(PORT) --connections $(if $(filter off,$(BOTS)),0,8) & \
	LOG_FILE=$(LOG_DIR)/server.jsonl exec $(BIN)/daphne -p $(PORT) exchange_site.asgi:application

# The demo as several processes: Redis and PostgreSQL from the system's packages, two engines of which one waits, two
# gateways. On private ports, and nothing is kept.
cluster: setup
	@$(CHECK_PORT) cluster
	@exec $(BIN)/python manage.py run_cluster --port $(PORT) $(if $(filter off,$(BOTS)),,--bots) $(foreach market,$(MARKETS),--market $(market))

test: check unit

# Format, lint, types, import rules, migrations in step, Django's own checks; of the page's modules too.
check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	@if command -v npm >/dev/null; then npm run --silent check; else echo "No npm here: the page's modules are not checked."; fi

# AGAIN: more words for pytest, behind these; .ci/run says with them to try once more what failed.
PYTEST = $(BIN)/python -m pytest -n 3 --dist loadfile $(AGAIN)
unit: setup
	$(PYTEST) -m 'not long and not slow'

# What CI runs after `make test`: earlier releases, browsers, servers that are cut off, histories that are long.
test-slow: setup
	$(PYTEST) -m 'slow and not long'

# What takes its time: floods, kills, deaf clients, bots, every page in a browser, the same under the other server.
test-long: setup
	$(PYTEST) -m long

# The same tests on PostgreSQL, with a server of its own that ends with them; those that know no database leave
# themselves out (tests/conftest.py), and those of documents and of pages in a browser are left out. MARK=long for what
# takes its time.
MARK ?= not long
LEFT_OUT := tests/documents tests/e2e/page tests/e2e/office
test-postgres: setup
	TEST_DATABASE=postgres $(PYTEST) -m '$(MARK)' $(addprefix --ignore ,$(LEFT_OUT))

# Which lines and branches of the core its own tests do not reach; fails under 98 %. About two minutes.
coverage: setup
	COMPILED=off $(BIN)/coverage run -m pytest tests/core -q
	$(BIN)/coverage report

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The core as machine code: a minute, needs a C compiler and Python's headers, and is made again after each change of the
# core: until then its source is taken. COMPILED=off (environment) takes the source in any case.
compiled: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-compile.txt
	@COMPILED=off $(BIN)/python -m trading.compiled.build

# Ratios against public yardsticks, measured side by side; about ten minutes. ONLY="orders core" for some of it. With the
# core compiled, where this machine can do that; COMPILED=off measures its source.
bench: setup
ifneq ($(COMPILED),off)
	-@$(MAKE) --no-print-directory compiled
endif
	$(BIN)/python -m tests.bench $(ONLY)

# The same for several processes, on a Redis and a PostgreSQL of its own; about ten minutes, of which
# half are fifty fail-overs.
bench-cluster: setup
	$(BIN)/python -m tests.bench.cluster

# Floods, bombs, bodies, guesses and pauses against a server with an honest client beside them; about eight minutes.
# PROGRAMS="daphne uvicorn", ROWS="pings pages" for some of it.
PROGRAMS ?= daphne uvicorn
attack: setup
	$(BIN)/python -m tests.attack --programs $(PROGRAMS) $(if $(ROWS),--only $(ROWS))

# Long: kill -9 under load, again and again. KILLS and SEED choose how often and which moments.
KILLS ?= 200
SEED ?= 1
chaos: setup
	$(BIN)/python -m tests.chaos.kill --kills $(KILLS) --seed $(SEED)

# Long: each part of a cluster killed, stopped, emptied or cut off in turn, under load; on a Redis and a PostgreSQL of its
# own. KILLS, SEED; ONLY="engine lines" for some of it; WAIT: seconds of quiet before each, as a mean.
chaos-cluster: KILLS = 38
chaos-cluster: setup
	$(BIN)/python -m tests.chaos.cluster --kills $(KILLS) --seed $(SEED) $(if $(ONLY),--only $(ONLY)) $(if $(WAIT),--wait $(WAIT))

# Write the contracts of this version: the OpenAPI and AsyncAPI documents as they are now. Released ones never change.
contracts: setup
	$(BIN)/python -m tests.contracts.write

# Long: REST tried by its OpenAPI document, with other seeds, and a thousand orders that are sent again and again. SEED,
# and EXAMPLES of each operation.
EXAMPLES ?= 200
fuzz-rest: setup
	$(BIN)/python -m tests.e2e.rest.repeats --seed $(SEED)
	$(BIN)/python -m tests.e2e.rest.fuzz --seed $(SEED) --examples $(EXAMPLES)

# The pictures of docs/operators-desk.md, in both languages.
pictures: setup
	$(BIN)/python -m tests.e2e.office.pictures

# The lists of the back office over a million orders, trades and entries: about three minutes.
lists: setup
	$(BIN)/python -m tests.soak.lists

# As long as you like: clients that send nonsense, beside some that trade. SECONDS and SEED.
SECONDS ?= 60
fuzz: setup
	$(BIN)/python -m tests.chaos.fuzz --seconds $(SECONDS) --seed $(SEED)

# Long: the engine beside the naive model of the market, on fresh histories; a line a hundred. HISTORIES and SEED.
HISTORIES ?= 1000
histories: setup
	$(BIN)/python -m tests.core.model.hunt --histories $(HISTORIES) --seed $(SEED)

# Does that model find faults? Each is made in a copy of the core and has to be found by the histories of `make test`.
mutants: setup
	$(BIN)/python -m tests.core.model.mutants

# The trading page under a busy market for a while: does it stay smooth, and does it stay the same size? SECONDS.
soak: setup
	$(BIN)/python -m tests.soak.page --seconds $(SECONDS)

# Known vulnerabilities in what is pinned. Asks a service on the network, so it is no part of `make test`; one package
# that could not be looked up is a failure.
audit: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	$(BIN)/pip-audit --strict --disable-pip --no-deps -r requirements.txt -r requirements-dev.txt -r requirements-compile.txt -r requirements-vnpy.txt -r requirements-ccxt.txt

# Pin the newest allowed versions of everything.
pin: setup
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --upgrade -o requirements.txt requirements.in
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --upgrade -o requirements-dev.txt requirements-dev.in
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --upgrade -o requirements-compile.txt requirements-compile.in

clean:
	rm -rf $(VENV) node_modules .compiled .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
