"""What schemathesis cannot know from openapi.yaml: what JSON Schema cannot say of a valid
request, and what those who ask may expect.

ROLE is who asks. SEEN is a file in which is left how each operation answered valid requests.
JWT is of somebody who can issue tokens for requests that end theirs.
"""

import atexit
import json
import os
from datetime import UTC, datetime, timedelta
from urllib.request import Request, urlopen
from zlib import crc32

import schemathesis

OFFERED = ["read", "write"]  # the scopes of the local run
BY_EXPIRY = ("expires", "-expires")

# What a valid request is answered, by who asks and by the tag of the operation. 409 and 429
# are limits on an owner's tokens; 404 is what is not there or not one's own. A token that has
# just replaced its own secret gets a 429, too.
OPEN = {200, 404}
ANSWERS = {
    "organization admin": {"tokens": {200, 201, 404, 409, 429}, "people": {200, 202, 404}, "use": {401}, "page": OPEN},
    "API Token Manager": {"tokens": {200, 201, 403, 404, 409, 429}, "people": {403}, "use": {401}, "page": OPEN},
    "no role": {"tokens": {403}, "people": {403}, "use": {401}, "page": OPEN},
    "unsigned": {"tokens": {401}, "people": {401}, "use": {401}, "page": OPEN},
    "API token": {"tokens": {401}, "people": {401}, "use": {200, 429}, "page": OPEN},
}[os.environ["ROLE"]]

ids = []  # of tokens that were issued
rotated = []  # of those whose rotation can be taken back
seen = {}


def valid(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def another_token():
    request = Request(
        os.environ["CONSOLE_URL"] + "/v1/tokens",
        data=json.dumps({"name": "To be ended", "expires_in_days": 1}).encode(),
        headers={"Authorization": "Bearer " + os.environ["JWT"], "Content-Type": "application/json"},
    )
    with urlopen(request) as response:  # of the local run
        return json.load(response)["secret"]


class Bearer:
    def __init__(self, secret):
        self.secret = secret

    def __call__(self, request):
        if "Authorization" in request.headers:  # else it is about what is answered without
            request.headers["Authorization"] = "Bearer " + self.secret
        return request


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes requests that the schema allows ones that the prose allows, too."""
    if os.environ["ROLE"] == "API token" and case.operation.path == "/v1/whoami/revoke":
        kwargs["auth"] = Bearer(another_token())
    if not valid(case):
        return
    pick = crc32(repr((case.path_parameters, case.query, case.body)).encode(errors="replace"))
    if ids and pick % 4 and "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = ids[pick % len(ids)]
    query = case.query or {}
    # A cursor is worth something for one list of one person.
    query.pop("cursor", None)
    if query.get("from") and query.get("to"):
        query["from"], query["to"] = sorted((query["from"], query["to"]))
    if query.get("expires_before") and query.get("sort") not in BY_EXPIRY:
        query.pop("sort", None)
    if query.get("expires_before") or query.get("sort") in BY_EXPIRY:
        query["status"] = "active"
    if isinstance(case.body, dict):
        if "expires_on" in case.body:
            case.body["expires_on"] = str(datetime.now(UTC).date() + timedelta(days=2 + pick % 360))
        if "scopes" in case.body:
            case.body["scopes"] = OFFERED[: len(case.body["scopes"])]
        case.body.pop("replace", None)
        if case.body.get("old_secret") == "end-now":
            case.body.pop("overlap_hours", None)
    if "Idempotency-Key" in (case.headers or {}):  # one for each request
        case.headers["Idempotency-Key"] = f"contract-{crc32(repr(case.body).encode(errors='replace'))}"
    if case.operation.path.endswith("/cancel") and rotated:
        case.path_parameters["id"] = rotated.pop()


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 201:
        ids.append(response.json()["token"]["id"])
    if response.status_code == 200 and case.operation.path.endswith("}/rotate"):
        rotated.append(response.json()["token"]["id"])
    if valid(case) or response.status_code == 200:  # which an invalid request never gets
        seen.setdefault((case.operation.label, case.operation.tags[0]), set()).add(response.status_code)


@schemathesis.check
def answer_to_role(ctx, response, case):
    """A valid request is answered as who asks may expect."""
    expected = ANSWERS[case.operation.tags[0]]
    if valid(case) and response.status_code not in expected:
        raise AssertionError(f"{os.environ['ROLE']}: got {response.status_code}, want one of {sorted(expected)}")


@atexit.register
def write_seen():
    with open(os.environ["SEEN"], "w", encoding="utf-8") as file:
        json.dump([{"operation": o, "tag": tag, "statuses": sorted(s)} for (o, tag), s in seen.items()], file)
