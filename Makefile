# Latchkey. `make help` lists what there is.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help

# Lambda runs on arm64. What runs on this machine is built for this machine.
ARCH      ?= arm64
HOST_ARCH := $(shell go env GOARCH)
FUNCTIONS := $(notdir $(patsubst %/main.go,%,$(wildcard functions/*/main.go)))

# One set of flags, so that nothing is compiled twice. Nothing of the machine or the
# checkout gets into a binary: the same sources make the same bytes.
GO_BUILD := CGO_ENABLED=0 go build -tags lambda.norpc -trimpath -buildvcs=false -ldflags="-s -w -buildid="

# Tools are pinned here, and fetched into .tools as they are needed.
GOLANGCI_LINT := .tools/golangci-lint-v2.15.0

export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export npm_config_update_notifier := false

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: latchkey-local ## run the whole service on this machine (PORT, DATA_DIR, DYNAMODB_ENDPOINT, SES_ENDPOINT)
	@exec .build/latchkey-local $(ARGS)

.PHONY: latchkey-local
latchkey-local: node_modules/.package-lock.json
	@$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)
	@$(GO_BUILD) -o .build/latchkey-local ./internal/cmd/latchkey-local

.PHONY: test
test: node_modules/.package-lock.json ## run every test that needs no browser
	@$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)
	BINARIES="$(CURDIR)/.build/$(HOST_ARCH)" go test -timeout 20m ./...

.PHONY: remind-dry-run
remind-dry-run: ## print who would be told what at TIME=2026-12-24T00:05:00Z; sends nothing
	@go run ./internal/cmd/remind-dry-run $(if $(TIME),-time "$(TIME)")

.PHONY: mail-preview
mail-preview: ## write every e-mail for a sample to .build/mail-preview
	@go run ./internal/cmd/mail-preview -out .build/mail-preview

.PHONY: bench-reminder
bench-reminder: node_modules/.package-lock.json ## measure what a run costs among few and many tokens; takes some minutes
	@go run ./internal/cmd/bench-reminder

.PHONY: smoke
smoke: ## test a deployment from outside: URL=https://… LATCHKEY_JWT_ALICE=… _BOB=… _CAROL=… _DAVE=…
	LATCHKEY_URL="$(URL)" go test -count=1 -run '^TestDeployed' ./internal/e2e

.PHONY: e2e-console
e2e-console: latchkey-local ## test the page in Chromium
	@CHROMIUM="$$(internal/e2e/console/chromium)" node internal/e2e/console/with-system.mjs .build/latchkey-local \
	  node --test internal/e2e/console/*.test.mjs

.PHONY: screenshots
screenshots: latchkey-local mail-preview ## retake the README's pictures of the page and the e-mails
	@export CHROMIUM="$$(internal/e2e/console/chromium)"; \
	node internal/cmd/mail-preview/screenshots.mjs .build/mail-preview; \
	node internal/e2e/console/with-system.mjs .build/latchkey-local node internal/e2e/console/screenshots.mjs

.PHONY: check
check: lint test e2e-console sam-test ## everything that CI runs

.PHONY: lint
lint: $(GOLANGCI_LINT) node_modules/.package-lock.json ## check style, formatting and the OpenAPI document
	$(GOLANGCI_LINT) run
	@npx --no-install redocly lint internal/api/openapi.yaml

.PHONY: build
build: ## build the Lambda binaries into .build/$ARCH (ARCH=arm64 or amd64)
	@mkdir -p .build/$(ARCH)/bin
	@GOOS=linux GOARCH=$(ARCH) $(GO_BUILD) -o .build/$(ARCH)/bin/ ./functions/...
	@for f in $(FUNCTIONS); do mkdir -p .build/$(ARCH)/$$f; ln -f .build/$(ARCH)/bin/$$f .build/$(ARCH)/$$f/bootstrap; done

.PHONY: console-library
console-library: node_modules/.package-lock.json ## copy the page's sign-in library from its npm package
	cp node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js internal/console/assets/

.PHONY: synth
synth: node_modules/.package-lock.json ## write the CloudFormation template to cdk.out; needs no AWS account
	npx --no-install cdk synth --quiet

.PHONY: deploy
deploy: node_modules/.package-lock.json ## deploy into the AWS account that the environment's credentials are for
	npx --no-install cdk deploy --strict

.PHONY: clean
clean: ## remove what was built
	rm -rf .build .tools cdk.out

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-fund --no-audit
	@touch $@

$(GOLANGCI_LINT):
	@mkdir -p $(@D)
	GOBIN="$(CURDIR)/$(@D)" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(subst $(@D)/golangci-lint-,,$@)
	@mv $(@D)/golangci-lint $@

# SAM: the functions by AWS's SAM CLI instead of the local run. See internal/sam.

SAM_TEMPLATE := .build/sam/cdk.out/Latchkey.template.json
SAM          := internal/sam/run .build/latchkey-sam $(SAM_TEMPLATE)
SOURCES       = $(shell find functions infra internal go.mod go.sum -type f ! -name '*_test.go')

.PHONY: sam-api
sam-api: $(SAM_TEMPLATE) .build/latchkey-sam ## serve the HTTP API by SAM (PORT, DYNAMODB_ENDPOINT, SES_ENDPOINT)
	@exec $(SAM) api

.PHONY: sam-invoke
sam-invoke: $(SAM_TEMPLATE) .build/latchkey-sam ## give one function one event: FN=issue EVENT=events/issue-good.json
	$(if $(and $(FN),$(EVENT)),,$(error say what: make sam-invoke FN=issue EVENT=events/issue-good.json))
	@exec $(SAM) invoke "$(FN)" "$(EVENT)"

.PHONY: sam-seed
sam-seed: .build/latchkey-sam ## put the tokens of events/ back into sam-api's table
	@exec .build/latchkey-sam $(SAM_TEMPLATE) seed

.PHONY: sam-test
sam-test: $(SAM_TEMPLATE) sam-validate ## a round trip and every event by SAM
	@go test -c -tags sam -o .build/sam/ ./internal/sam
	cd internal/sam && SAM_TEMPLATE="$(CURDIR)/$(SAM_TEMPLATE)" exec ./run ../../.build/sam/sam.test -test.timeout 5m

.PHONY: sam-validate
sam-validate: $(SAM_TEMPLATE) ## have SAM check the template
	@cd internal/sam && DOCKER=no ./run sh -c '"$$SAM" validate --lint --region us-east-1 --template ../../$(SAM_TEMPLATE)'

$(SAM_TEMPLATE): $(SOURCES) internal/sam/cdk.json node_modules/.package-lock.json
	@$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)
	@echo "sam: making the template" >&2
	@cd internal/sam && npx --no-install cdk synth --quiet --output "$(CURDIR)/$(@D)" >&2
	@touch $@

.build/latchkey-sam: $(SOURCES)
	@$(GO_BUILD) -o $@ ./internal/cmd/latchkey-sam
