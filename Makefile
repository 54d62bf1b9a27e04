# Latchkey. `make help` lists what there is.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help

# Lambda runs on arm64. What runs on this machine is built for this machine.
ARCH      ?= arm64
HOST_ARCH  = $(shell go env GOARCH)
FUNCTIONS := $(notdir $(patsubst %/main.go,%,$(wildcard functions/*/main.go)))

# One set of flags, so that nothing is compiled twice. Nothing of the machine or the
# checkout gets into a binary: the same sources make the same bytes.
GO_BUILD := CGO_ENABLED=0 go build -tags lambda.norpc -trimpath -buildvcs=false -ldflags="-s -w -buildid="

# Tools are pinned here, and fetched into .tools as they are needed.
GOLANGCI_LINT := .tools/golangci-lint-v2.15.0
SCHEMATHESIS  := .tools/schemathesis
EMULATOR      := .tools/ministack

export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export npm_config_update_notifier := false

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: latchkey-local ## run the whole service on this machine: ARGS=-help lists its settings, ARGS=-v logs everything
	@exec .build/latchkey-local $(ARGS)

.PHONY: latchkey-local
latchkey-local: need node_modules/.package-lock.json bundle
	@$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)
	@$(GO_BUILD) -o .build/latchkey-local ./internal/dev/cmd/latchkey-local

.PHONY: need
need:
	@internal/dev/need go node $(if $(DYNAMODB_ENDPOINT),,java)

.PHONY: test
test: need node_modules/.package-lock.json $(EMULATOR)/complete ## run every test that needs no browser, with the race detector
	@internal/dev/need cc
	@$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)
	@echo "running the tests: minutes, and one line for each package"
	BINARIES="$(CURDIR)/.build/$(HOST_ARCH)" go test -race -shuffle=on -p 1 -timeout 20m $$(go list ./... | grep -v /infra$$)
	@# The CDK's runtime has a race of its own, between two waits for the end of its child.
	go test -shuffle=on -timeout 20m ./infra

.PHONY: remind-dry-run
remind-dry-run: ## print who would get which notice at TIME=2026-12-24T00:05:00Z; sends nothing
	$(if $(TABLE_NAME),,$(error TABLE_NAME is missing, the table to read: TABLE_NAME=… make remind-dry-run TIME=2026-12-24T00:05:00Z, with AWS credentials))
	@go run ./internal/dev/cmd/remind-dry-run $(if $(TIME),-time "$(TIME)")

.PHONY: mail-preview
mail-preview: ## write every e-mail for a sample to .build/mail-preview
	@go run ./internal/dev/cmd/mail-preview -out .build/mail-preview

.PHONY: bench-reminder
bench-reminder: node_modules/.package-lock.json ## measure what a run costs among few and many tokens; takes some minutes
	@go run ./internal/dev/cmd/bench-reminder

.PHONY: smoke
smoke: ## test a deployment from outside: URL=https://… LATCHKEY_JWT_ALICE=… _BOB=… _CAROL=… _DAVE=…
	$(if $(filter http://% https://%,$(URL)),,$(error URL is missing, the address of the deployment to test: make smoke URL=https://…))
	$(foreach name,ALICE BOB CAROL DAVE,$(if $(LATCHKEY_JWT_$(name)),,$(error LATCHKEY_JWT_$(name) is missing, an ID token of somebody like $(name) of the local run)))
	@echo "testing $(URL)"
	@LATCHKEY_URL="$(URL)" go test -count=1 -v -run '^TestDeployed' ./internal/e2e
	@echo "tested $(URL): all of the above passed"

.PHONY: e2e-console
e2e-console: latchkey-local ## test the page in Chromium, with as many functions at once as a new AWS account has
	@CHROMIUM="$$(internal/e2e/console/chromium)" CONCURRENCY=10 node internal/e2e/console/with-system.mjs .build/latchkey-local \
	  node --test internal/e2e/console/*.test.mjs

.PHONY: contract-test
contract-test: $(SCHEMATHESIS)/complete latchkey-local ## hold the API to its OpenAPI document, for each role, with requests made from it
	@node internal/e2e/console/with-system.mjs .build/latchkey-local node internal/e2e/contract/run.mjs $(SCHEMATHESIS)/bin/schemathesis

.PHONY: screenshots
screenshots: latchkey-local mail-preview ## retake the README's pictures of the page and the e-mails
	@export CHROMIUM="$$(internal/e2e/console/chromium)"; \
	node internal/dev/cmd/mail-preview/screenshots.mjs .build/mail-preview; \
	node internal/e2e/console/with-system.mjs .build/latchkey-local node internal/e2e/console/screenshots.mjs

.PHONY: check
check: lint test contract-test e2e-console sam-test ## everything that CI runs

.PHONY: lint
lint: $(GOLANGCI_LINT) node_modules/.package-lock.json ## check style, formatting, JavaScript and the OpenAPI document
	$(GOLANGCI_LINT) run
	@npx --no-install eslint --config .eslint.config.mjs --max-warnings 0 .
	@npx --no-install redocly lint internal/api/openapi.yaml

.PHONY: build
build: ## build the Lambda binaries into .build/$ARCH (ARCH=arm64 or amd64)
	@internal/dev/need go
	@echo "building the functions for $(ARCH)$(if $(wildcard .build/$(ARCH)/bin),,: the first time this takes a minute or two)" >&2
	@mkdir -p .build/$(ARCH)/bin
	@GOOS=linux GOARCH=$(ARCH) $(GO_BUILD) -o .build/$(ARCH)/bin/ ./functions/...
	@for f in $(FUNCTIONS); do mkdir -p .build/$(ARCH)/$$f; ln -f .build/$(ARCH)/bin/$$f .build/$(ARCH)/$$f/bootstrap; done

.PHONY: bundle
bundle: internal/console/bundle/page.js ## make the page's script and stylesheet of internal/console/assets

internal/console/bundle/page.js: $(wildcard internal/console/assets/*) package-lock.json | node_modules/.package-lock.json
	@go run ./internal/dev/cmd/bundle-page
	@touch $@

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
	@internal/dev/need node
	@echo "fetching the Node tools into node_modules"
	@npm ci --no-fund --no-audit
	@touch $@

$(GOLANGCI_LINT):
	@mkdir -p $(@D)
	GOBIN="$(CURDIR)/$(@D)" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(subst $(@D)/golangci-lint-,,$@)
	@mv $(@D)/golangci-lint $@

$(SCHEMATHESIS)/complete: internal/e2e/contract/requirements.txt
	@internal/dev/venv $(@D) --require-hashes --requirement $<

$(EMULATOR)/complete: internal/dev/emulator/requirements.txt
	@internal/dev/venv $(@D) --require-hashes --requirement $<

# SAM: the functions by AWS's SAM CLI instead of the local run. See internal/dev/sam.

SAM_TEMPLATE := .build/sam/cdk.out/Latchkey.template.json
SAM          := internal/dev/sam/run .build/latchkey-sam $(SAM_TEMPLATE)
SOURCES       = $(shell find functions infra internal go.mod go.sum -type f ! -name '*_test.go')

.PHONY: sam-api
sam-api: $(SAM_TEMPLATE) .build/latchkey-sam ## serve the HTTP API by SAM (PORT, DYNAMODB_ENDPOINT, SES_ENDPOINT)
	@exec $(SAM) api

.PHONY: sam-invoke
sam-invoke: ## give one function one event: FN=issue EVENT=events/issue-good.json
	$(if $(and $(FN),$(EVENT)),,$(error FN and EVENT say what to invoke: make sam-invoke FN=issue EVENT=events/issue-good.json))
	$(if $(wildcard functions/$(FN)/main.go),,$(error there is no function $(FN): FN is one of $(FUNCTIONS)))
	$(if $(wildcard $(EVENT)),,$(error there is no file $(EVENT): EVENT is one of those that events/README.md lists, or one of your own))
	@$(MAKE) --no-print-directory $(SAM_TEMPLATE) .build/latchkey-sam
	@exec $(SAM) invoke "$(FN)" "$(EVENT)"

.PHONY: sam-seed
sam-seed: .build/latchkey-sam ## put the tokens of events/ back into sam-api's table
	@exec .build/latchkey-sam $(SAM_TEMPLATE) seed

.PHONY: sam-test
sam-test: $(SAM_TEMPLATE) sam-validate ## a round trip and every event by SAM
	@go test -c -tags sam -o .build/sam/ ./internal/dev/sam
	cd internal/dev/sam && SAM_TEMPLATE="$(CURDIR)/$(SAM_TEMPLATE)" exec ./run ../../../.build/sam/sam.test -test.timeout 5m

.PHONY: sam-validate
sam-validate: $(SAM_TEMPLATE) ## have SAM check the templates: the stack's, and those of the examples
	@cd internal/dev/sam && for template in $(SAM_TEMPLATE) infra/examples/*/template.yaml; do \
	  DOCKER=no ./run sh -c '"$$SAM" validate --lint --region us-east-1 --template ../../../'"$$template"; done

$(SAM_TEMPLATE): $(SOURCES) internal/dev/sam/cdk.json node_modules/.package-lock.json
	@$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)
	@echo "sam: making the template" >&2
	@cd internal/dev/sam && npx --no-install cdk synth --quiet --output "$(CURDIR)/$(@D)" >&2
	@touch $@

.build/latchkey-sam: $(SOURCES)
	@$(GO_BUILD) -o $@ ./internal/dev/cmd/latchkey-sam
