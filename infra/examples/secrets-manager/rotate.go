package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// The staging labels of a secret's versions.
const (
	current = "AWSCURRENT"
	pending = "AWSPENDING"
)

// event is what Secrets Manager asks for, a step at a time
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
type event struct {
	SecretID string `json:"SecretId"`
	Version  string `json:"ClientRequestToken"`
	Step     string
}

// rotator rotates secrets that hold an API token, and nothing else.
type rotator struct {
	secrets *secretsmanager.Client
	http    *http.Client
	url     string // of the API that issued the tokens
	log     *slog.Logger
}

// handle does one step. Each can be repeated, and a rotation can begin anew after any: until
// the new token is kept, it is not used, and until it is used, the old one can be replaced
// again.
func (r *rotator) handle(ctx context.Context, e event) error {
	steps := map[string]func(context.Context, event) error{
		"createSecret": r.create,
		"setSecret":    func(context.Context, event) error { return nil }, // the API knows the token that it made
		"testSecret":   r.test,
		"finishSecret": r.finish,
	}
	step, ok := steps[e.Step]
	if !ok {
		return fmt.Errorf("there is no step %q", e.Step)
	}
	if err := step(ctx, e); err != nil {
		return fmt.Errorf("%s: %w", e.Step, err)
	}
	r.log.InfoContext(ctx, "done", "step", e.Step, "secret", e.SecretID, "version", e.Version)
	return nil
}

// create has the current token replaced, and keeps the new one as pending. A pending one that
// an earlier rotation left is used: it may be in use already, after which the current one
// cannot be replaced again.
func (r *rotator) create(ctx context.Context, e event) error {
	if value, err := r.version(ctx, e); err != nil || value != "" {
		return err
	}
	value, version, err := r.labelled(ctx, e.SecretID, pending)
	if err != nil {
		return err
	}
	old, oldVersion, err := r.labelled(ctx, e.SecretID, current)
	if err != nil {
		return err
	}
	// After a rotation that succeeded one version has both labels.
	if value == "" || version == oldVersion || !r.works(ctx, value) {
		answer, err := r.call(ctx, http.MethodPost, "/v1/whoami/rotate", old)
		if err != nil {
			return err
		}
		value = answer.Secret
	}
	_, err = r.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &e.SecretID, ClientRequestToken: &e.Version, SecretString: &value, VersionStages: []string{pending},
	})
	if err != nil {
		return fmt.Errorf("keeping the new token: %w", err)
	}
	return nil
}

func (r *rotator) works(ctx context.Context, value string) bool {
	_, err := r.call(ctx, http.MethodGet, "/v1/whoami", value)
	return err == nil
}

// test uses the new token. From here on the old one works for another day.
func (r *rotator) test(ctx context.Context, e event) error {
	value, err := r.version(ctx, e)
	if err != nil {
		return err
	}
	if value == "" {
		return errors.New("the new token is not there")
	}
	_, err = r.call(ctx, http.MethodGet, "/v1/whoami", value)
	return err
}

// finish makes the new token the current one.
func (r *rotator) finish(ctx context.Context, e event) error {
	_, version, err := r.labelled(ctx, e.SecretID, current)
	if err != nil || version == e.Version {
		return err
	}
	stage := current
	_, err = r.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &e.SecretID, VersionStage: &stage, MoveToVersionId: &e.Version, RemoveFromVersionId: &version,
	})
	if err != nil {
		return fmt.Errorf("making the new token the current one: %w", err)
	}
	return nil
}

// version returns the token of the version that the rotation makes; empty if there is none.
func (r *rotator) version(ctx context.Context, e event) (string, error) {
	value, _, err := r.value(ctx, &secretsmanager.GetSecretValueInput{SecretId: &e.SecretID, VersionId: &e.Version})
	return value, err
}

// labelled returns the token with a staging label, and its version; empty if there is none.
func (r *rotator) labelled(ctx context.Context, secret, label string) (value, version string, err error) {
	return r.value(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret, VersionStage: &label})
}

func (r *rotator) value(ctx context.Context, in *secretsmanager.GetSecretValueInput) (value, version string, err error) {
	out, err := r.secrets.GetSecretValue(ctx, in)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the secret: %w", err)
	}
	if out.SecretString == nil {
		return "", "", errors.New("the secret is not a text")
	}
	return strings.TrimSpace(*out.SecretString), *out.VersionId, nil
}

// answer is what matters of the API's answers: a token's, or a problem's (RFC 9457).
type answer struct {
	Secret string `json:"secret"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

func (r *rotator) call(ctx context.Context, method, path, secret string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.url+path, http.NoBody)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := r.http.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	var a answer
	err = json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&a)
	if response.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("%s %s: status %d %s %s", method, path, response.StatusCode, a.Code, a.Detail)
	}
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	return a, nil
}
