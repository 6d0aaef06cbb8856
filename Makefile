# Single sign-on between Microsoft Entra ID and the Mimecast Personal Portal.
#   make up                 the whole tutorial on the sandbox, from nothing
#   make up STACK=prod-eu   a real stack, with the Pulumi CLI
# ENGINE=auto|pulumi|embedded selects the engine; auto is the Pulumi CLI if it is on the PATH.

PYTHON ?= python3
STACK  ?= sandbox
PERSON ?= ada@example.com
export ENGINE ?= auto

# Byte code is kept outside the tree, even if the environment disables it: otherwise every command, program and provider
# is recompiled, which takes longer than its work. In another user's checkout it goes to the user's own cache.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX     := $(if $(shell test ! -e .venv || test -w .venv || echo read-only),$(or \
  $(XDG_CACHE_HOME),$(HOME)/.cache)/mimecast-sso/pycache,$(CURDIR)/.venv/pycache)

BIN     := .venv/bin
SSO     := $(BIN)/mimecast-sso
SANDBOX := $(BIN)/python -m sandbox
SHEET    = $(or $(SANDBOX_HOME),.sandbox)/run-sheet/$(STACK).html

# With stack=prod-eu, STCK=prod-eu or PULUMI_STACK=prod-eu, make would run the sandbox instead.
OPTIONS  := ENGINE PERSON PYTHON STACK
GIVEN    := $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
CAPITALS  = $(shell echo $(1) | tr a-z A-Z)
SIMILAR   = $(filter $(addsuffix %,$(OPTIONS)) ST%,$(CAPITALS))$(findstring STACK,$(CAPITALS))
OTHERS   := $(filter-out $(OPTIONS) PYTHON%,$(GIVEN))
MISTYPED := $(strip $(foreach name,$(OTHERS),$(if $(call SIMILAR,$(name)),$(name))))
ifneq ($(MISTYPED),)
$(error There is no variable $(MISTYPED). The variables are $(OPTIONS), in capitals)
endif

.PHONY: up preview drift down test test-cli test-judges judges soak check format bench lock dist pulumi actionlint gitea clean

# -- Deploying ---------------------------------------------------------------------------------

ifeq ($(STACK),sandbox)
up: .venv/sandbox
	@$(SANDBOX) start
	@$(SANDBOX) seed --stack $(STACK)
	@$(SANDBOX) run -- $(SSO) up --stack $(STACK) --yes
	@if [ -e "$(SHEET)" ]; then $(MAKE) --no-print-directory console-work; fi
	@$(SANDBOX) login $(PERSON)
	@$(SANDBOX) run -- $(SSO) verify --stack $(STACK) --person $(PERSON) --quiet

.PHONY: console-work
console-work:
	@echo; echo "The sandbox's administrator works through the run sheet:"
	@$(SANDBOX) administrator --quiet "$(SHEET)"
	@$(SANDBOX) run -- $(SSO) confirm --stack $(STACK) --by administrator@example.com \
	  --evidence "the sandbox's administrator filled the form from $(SHEET)"
	@$(SANDBOX) run -- $(SSO) up --stack $(STACK) --yes

preview drift: .venv/sandbox
	@$(SANDBOX) start
	@$(SANDBOX) seed --stack $(STACK)
	@$(SANDBOX) run -- $(SSO) $@ --stack $(STACK)

down: .venv/sandbox
	@$(SANDBOX) start
	@$(SANDBOX) run -- $(SSO) down --stack $(STACK) --yes
	@$(SANDBOX) stop
else
up: .venv/runtime
	@$(SSO) up --stack $(STACK)
	@$(SSO) verify --stack $(STACK)

preview drift down: .venv/runtime
	@$(SSO) $@ --stack $(STACK)
endif

# -- Working on the project --------------------------------------------------------------------

test: .venv/dev
	$(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder -m "not soak and not cli and not judges"

# The same product on the Pulumi CLI: one on the PATH, or the one that `make pulumi` builds.
test-cli: .venv/dev
	$(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder -m "cli and not soak"

# Third-party toolkits on the sandbox: those that `make judges` has installed.
test-judges: .venv/dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m judges

# Processes are started as users start them (tests/README.md).
soak: export FORKS = no
soak: .venv/dev
	$(BIN)/python -m pytest -n auto --dist worksteal --durations 30 -m soak

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev
	$(BIN)/python -m tests.bench

# Pins and hashes of all packages, for every platform and Python from 3.11 on: the runtime, plus the sandbox, plus the
# development tools. Each file contains the previous one, at the same versions.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-package mimecast-sso --extra build
lock: .venv/dev
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) sandbox/pyproject.toml -c requirements.txt -o sandbox/requirements.txt
	$(LOCK) --extra dev pyproject.toml sandbox/pyproject.toml -c sandbox/requirements.txt -o requirements/dev.txt
	$(LOCK) tests/judges/python/requirements.in -c requirements/dev.txt -o tests/judges/python/requirements.txt
	$(LOCK) tests/judges/azure_cli/requirements.in -o tests/judges/azure_cli/requirements.txt

# The files of a release: source and wheel of both distributions, an SBOM of each (CycloneDX, from its lock), and digests.
# Built only with the locked tools, and reproducible.
SBOM = $(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements --output-reproducible --of JSON
# Outside a clone, the earliest time that an archive supports.
dist: export SOURCE_DATE_EPOCH := $(or $(shell git log -1 --format=%ct 2>/dev/null),315532800)
dist: .venv/dev
	rm -rf dist
	$(BIN)/uv build --quiet --offline --no-build-isolation --python $(BIN)/python --out-dir dist .
	$(BIN)/uv build --quiet --offline --no-build-isolation --python $(BIN)/python --out-dir dist sandbox
	$(BIN)/python tools/repack.py dist/*.tar.gz
	$(SBOM) --pyproject pyproject.toml -o dist/mimecast-sso.cdx.json requirements.txt
	$(SBOM) --pyproject sandbox/pyproject.toml -o dist/mimecast-sso-sandbox.cdx.json sandbox/requirements.txt
	cd dist && sha256sum -- * >SHA256SUMS

clean:
	rm -rf .venv .tools build dist mutants *.egg-info

# -- The Pulumi CLI for tests ------------------------------------------------------------------

# Built from source if Go is installed and no Pulumi CLI; pinned in tools/pulumi/go.mod. The Go module proxy has no
# language host for Python, so the tests have their own.
GO  ?= go
CLI := .tools/bin/pulumi
SDK := github.com/pulumi/pulumi/sdk/v3
ifeq ($(shell command -v pulumi 2>/dev/null),)
test-cli soak bench: export PATH := $(PATH):$(CURDIR)/.tools/bin
endif

pulumi: .venv/dev $(CLI) .tools/bin/pulumi-language-python .tools/bin/pulumi-resource-pulumi-python
	@$(CLI) version

$(CLI): tools/pulumi/go.mod tools/pulumi/go.sum
	@command -v $(GO) >/dev/null || { echo "The Pulumi CLI is built with Go: https://go.dev/doc/install" >&2; exit 1; }
	@echo "Building the Pulumi CLI (takes minutes the first time, seconds with a warm cache)"
	@cd tools/pulumi && version=$$($(GO) list -m -f '{{.Version}}' $(SDK)) && $(GO) build -o "$(CURDIR)/$@" \
	  -ldflags "-s -w -X $(SDK)/go/common/version.Version=$$version" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

# Checks GitHub's workflow files, if Go is installed; pinned in tools/actionlint/go.mod.
actionlint: .tools/bin/actionlint

.tools/bin/actionlint: tools/actionlint/go.mod tools/actionlint/go.sum
	@command -v $(GO) >/dev/null || { echo "actionlint is built with Go: https://go.dev/doc/install" >&2; exit 1; }
	@cd tools/actionlint && $(GO) build -o "$(CURDIR)/$@" github.com/rhysd/actionlint/cmd/actionlint

# Unmodified third-party toolkits, outside .venv: Microsoft's clients and service providers in Python, JavaScript and Go.
# Each is pinned next to its program in tests/judges; those that cannot be installed are left out, and their tests skipped.
JUDGES := .tools/judges
judges: $(JUDGES)/python/done $(JUDGES)/azure-cli/done
ifneq ($(shell command -v npm 2>/dev/null),)
judges: $(JUDGES)/node/done
endif
ifneq ($(shell command -v $(GO) 2>/dev/null),)
judges: $(JUDGES)/go $(JUDGES)/deployment-settings $(JUDGES)/crds
endif

$(JUDGES)/python/done: tests/judges/python/requirements.txt
$(JUDGES)/azure-cli/done: tests/judges/azure_cli/requirements.txt
$(JUDGES)/python/done $(JUDGES)/azure-cli/done:
	@echo "Installing $(@D) (takes a minute the first time)"
	@rm -rf $(@D) && mkdir -p $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(JUDGES)/node/done: tests/judges/node/package-lock.json tests/judges/node/package.json tests/judges/node/judge.js
	@rm -rf $(@D) && mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(JUDGES)/go: tests/judges/go/main.go tests/judges/go/go.mod tests/judges/go/go.sum
	@mkdir -p $(@D)
	@cd tests/judges/go && $(GO) build -o "$(CURDIR)/$@" .

$(JUDGES)/deployment-settings: $(addprefix tests/judges/deployment_settings/,main.go go.mod go.sum)
	@mkdir -p $(@D)
	@cd tests/judges/deployment_settings && $(GO) build -o "$(CURDIR)/$@" .

# The custom resource definitions that a release of the operator installs, from its Go module. Go checks the module against
# the checksum database.
OPERATOR := github.com/pulumi/pulumi-kubernetes-operator/v2@v2.9.0
FOLDER_OF_MODULE := import json, sys; print(json.load(sys.stdin)["Dir"])
$(JUDGES)/crds: Makefile
	@rm -rf $@ && mkdir -p $(@D)
	@if module="$$(cd / && $(GO) mod download -json $(OPERATOR))"; then \
	  cp -R "$$(echo "$$module" | $(PYTHON) -c '$(FOLDER_OF_MODULE)')/deploy/crds" $@ && chmod -R u+w $@; \
	else echo "Left out, because its module cannot be downloaded: $(OPERATOR)" >&2; fi

# A real forge for tests of what workflows post, if Go and a C compiler are installed; pinned in tools/gitea/go.mod.
gitea: .tools/bin/gitea

.tools/bin/gitea: tools/gitea/go.mod tools/gitea/go.sum
	@command -v $(GO) >/dev/null || { echo "Gitea is built with Go: https://go.dev/doc/install" >&2; exit 1; }
	@echo "Building Gitea (takes many minutes the first time)"
	@cd tools/gitea && source="$$($(GO) list -m -f '{{.Dir}}' code.gitea.io/gitea)" && $(GO) build -o "$(CURDIR)/$@" \
	  -tags "sqlite sqlite_unlock_notify" -ldflags "-s -w" code.gitea.io/gitea && rm -rf ../../.tools/share/gitea && \
	  mkdir -p ../../.tools/share/gitea && cp -R "$$source/options" "$$source/templates" ../../.tools/share/gitea/ && chmod -R u+w ../../.tools/share/gitea

.tools/bin/%: tools/pulumi/%
	@mkdir -p $(@D)
	@cp $< $@

# -- The virtual environment -------------------------------------------------------------------
# .venv/runtime: what a real stack needs. .venv/sandbox: the sandbox as well. .venv/dev: the development tools as well.
# The Pulumi CLI uses the same .venv; `pulumi install` fills it from requirements.txt.

# Checked separately, because an older Python cannot even parse the script.
NEW_ENOUGH = $(PYTHON) -B -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
  "Python 3.11 or newer is needed, and $(PYTHON) is %d.%d. Name a newer one: make PYTHON=python3.12" % v[:2])'
MAKE_VENV  = $(NEW_ENOUGH) && $(PYTHON) -B tools/make_venv.py

.PHONY: install install-sandbox
install: .venv/runtime
install-sandbox: .venv/sandbox

.venv/runtime: requirements.txt pyproject.toml
	@$(MAKE_VENV) requirements.txt .
	@touch $@

.venv/sandbox: sandbox/requirements.txt sandbox/pyproject.toml requirements.txt pyproject.toml
	@$(MAKE_VENV) sandbox/requirements.txt . sandbox
	@touch .venv/runtime $@

.venv/dev: requirements/dev.txt sandbox/requirements.txt sandbox/pyproject.toml requirements.txt pyproject.toml
	@$(MAKE_VENV) requirements/dev.txt . sandbox
	@touch .venv/runtime .venv/sandbox $@
