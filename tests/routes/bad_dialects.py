"""The rest of the table of bad input: OpenAI's dialect, subscriptions, and the page's own addresses."""

from __future__ import annotations

import re
from typing import Final

from tests.routes.bad_rows import HUGE, NOWHERE, Bad, Row, bodies, deep, queries
from threadline.routes import pages

RESPONSE: Final = {"model": "demo/demo", "input": "Say it at once."}
COMPLETION: Final = {"model": "demo/demo", "messages": [{"role": "user", "content": "Say it at once."}]}
TOOL: Final = {"type": "function", "name": "look"}
RESPONSES: Final = "/v1/responses/{resp}"
DIALECT: Final = (
    {"model": 7},
    {"stream": "yes"},
    {"temperature": 3},
    {"temperature": "warm"},
    {"temperature": HUGE},
    {"top_p": -1},
    {"tools": [{}]},
    {"tools": "all"},
    {"tools": [{"type": "magic"}]},
    {"tool_choice": "required"},
    {"parallel_tool_calls": 1},
    {"metadata_": deep()},
)
"""What is wrong in either dialect."""

SUBSCRIPTION: Final = {"type": "pull-wake", "pattern": "a/*", "wake_stream": "{path}"}
WEBHOOK: Final = {"type": "webhook", "pattern": "a/*"}
REPORT: Final = {"wake_id": "none", "generation": 1}
DS: Final = "/v1/stream/__ds/subscriptions/{sub}"
REPORTS: Final = (
    *bodies(400, "INVALID_REQUEST", {}, {**REPORT, "generation": "1"}, {**REPORT, "wake_id": 7}),
    *bodies(400, "INVALID_REQUEST", {**REPORT, "done": "yes"}, {**REPORT, "acks": {}}),
    *bodies(409, "INVALID_OFFSET", {**REPORT, "acks": [{"stream": "a", "offset": "x"}]}),
    *bodies(401, "TOKEN_INVALID", REPORT),
    *bodies(400, "INVALID_REQUEST", {**REPORT, "generation": HUGE}),
)


def _report(action: str) -> Row:
    return Row(f"{DS}/{action}", body=REPORT, form="object", bad=REPORTS)


TABLE: Final[dict[tuple[str, str], Row]] = {
    ("POST", "/v1/responses"): Row(
        "/v1/responses",
        body=RESPONSE,
        form="object",
        bad=(
            *bodies(400, "bad_request", *({**RESPONSE, **wrong} for wrong in DIALECT)),
            *bodies(400, "bad_request", {}, {**RESPONSE, "input": None}, {**RESPONSE, "input": 7}),
            *bodies(400, "bad_request", {**RESPONSE, "input": []}, {**RESPONSE, "input": [7]}),
            *bodies(400, "bad_request", {**RESPONSE, "input": [{"type": "item_reference", "id": "x"}]}),
            *bodies(400, "bad_request", {**RESPONSE, "input": [{"role": "king", "content": "x"}]}),
            *bodies(400, "bad_request", {**RESPONSE, "background": 1}, {**RESPONSE, "store": "no"}),
            *bodies(400, "bad_request", {**RESPONSE, "max_output_tokens": 0}, {**RESPONSE, "conversation": "x"}),
            *bodies(400, "bad_request", {**RESPONSE, "max_output_tokens": HUGE}, {**RESPONSE, "prompt": {}}),
            *bodies(400, "bad_request", {**RESPONSE, "metadata": {"a": 1}}, {**RESPONSE, "tools": [TOOL, TOOL]}),
            *bodies(400, "model_not_found", {**RESPONSE, "model": "none/none"}),
            *bodies(404, "not_found", {**RESPONSE, "previous_response_id": "resp_none"}),
            *bodies(404, "not_found", {**RESPONSE, "previous_response_id": "{foreign.resp}"}),
        ),
    ),
    ("GET", "/v1/responses/{response_id}"): Row(
        RESPONSES,
        missing=404,
        foreign=404,
        bad=queries(
            RESPONSES,
            400,
            "bad_request",
            *("stream=maybe", "stream=true&starting_after=x", "stream=true&starting_after=-1", "starting_after=%00"),
            *("stream=true&starting_after=100000", f"stream=true&starting_after={HUGE}"),
        ),
    ),
    ("DELETE", "/v1/responses/{response_id}"): Row(RESPONSES, missing=404, foreign=404),
    ("POST", "/v1/responses/{response_id}/cancel"): Row(f"{RESPONSES}/cancel", missing=404, foreign=404),
    ("GET", "/v1/responses/{response_id}/input_items"): Row(
        f"{RESPONSES}/input_items",
        missing=404,
        foreign=404,
        bad=queries(f"{RESPONSES}/input_items", 400, "bad_request", "limit=0", "limit=x", "order=up", "after=none"),
    ),
    ("POST", "/v1/chat/completions"): Row(
        "/v1/chat/completions",
        body=COMPLETION,
        form="object",
        bad=(
            *bodies(400, "bad_request", *({**COMPLETION, **wrong} for wrong in DIALECT)),
            *bodies(400, "bad_request", {}, {**COMPLETION, "messages": []}, {**COMPLETION, "messages": "Hello"}),
            *bodies(400, "bad_request", {**COMPLETION, "messages": [{"role": "tool", "tool_call_id": "x"}]}),
            *bodies(400, "bad_request", {**COMPLETION, "messages": [{"role": "user"}]}, {**COMPLETION, "n": 2}),
            *bodies(400, "bad_request", {**COMPLETION, "logprobs": True}, {**COMPLETION, "stop": [7]}),
            *bodies(400, "bad_request", {**COMPLETION, "seed": HUGE}, {**COMPLETION, "functions": []}),
            *bodies(400, "model_not_found", {**COMPLETION, "model": "none/none"}),
        ),
    ),
    ("GET", "/v1/models"): Row("/v1/models", bad=NOWHERE),
    ("GET", "/v1/models/{model}"): Row(
        "/v1/models/demo/demo",
        bad=(
            Bad(404, "not_found", address="/v1/models/none"),
            Bad(404, "not_found", address="/v1/models/a%00/b"),
            Bad(404, "not_found", address="/v1/models/" + "x" * 5000),
        ),
    ),
    ("GET", "/v1/stream/__ds/jwks.json"): Row(
        "/v1/stream/__ds/jwks.json", bad=(Bad(405, "method_not_allowed", method="POST"),)
    ),
    ("PUT", "/v1/stream/__ds/subscriptions/{name}"): Row(
        DS,
        body=SUBSCRIPTION,
        form="object",
        bad=(
            *bodies(400, "INVALID_REQUEST", {}, {**SUBSCRIPTION, "type": "carrier pigeon"}),
            *bodies(400, "INVALID_REQUEST", {**SUBSCRIPTION, "pattern": "a\x00b"}, {**SUBSCRIPTION, "pattern": 7}),
            *bodies(400, "INVALID_REQUEST", {**SUBSCRIPTION, "lease_ttl_ms": 1}, {**SUBSCRIPTION, "wake_stream": 7}),
            *bodies(400, "INVALID_REQUEST", {**SUBSCRIPTION, "lease_ttl_ms": HUGE}, {**SUBSCRIPTION, "streams": "a"}),
            *bodies(
                400, "INVALID_REQUEST", {**SUBSCRIPTION, "streams": ["a"] * 1001}, {**SUBSCRIPTION, "streams": [7]}
            ),
            *bodies(400, "INVALID_REQUEST", {**SUBSCRIPTION, "streams": ["a//b"]}, {**SUBSCRIPTION, "description": 7}),
            *bodies(400, "INVALID_REQUEST", {**SUBSCRIPTION, "streams": ["runs/{run}"]}, WEBHOOK),
            *bodies(400, "WEBHOOK_URL_REJECTED", {**WEBHOOK, "webhook": {"url": "http://10.0.0.1/"}}),
            *bodies(409, "SUBSCRIPTION_ALREADY_EXISTS", {**SUBSCRIPTION, "pattern": "else/*"}),
            Bad(400, "INVALID_REQUEST", address="/v1/stream/__ds/subscriptions/a%00b", body=SUBSCRIPTION),
            Bad(400, "INVALID_REQUEST", address="/v1/stream/__ds/subscriptions/" + "x" * 257, body=SUBSCRIPTION),
        ),
    ),
    ("GET", "/v1/stream/__ds/subscriptions/{name}"): Row(DS, missing=404, foreign=404),
    ("DELETE", "/v1/stream/__ds/subscriptions/{name}"): Row(DS, missing=204, foreign=204),
    ("POST", "/v1/stream/__ds/subscriptions/{name}/streams"): Row(
        f"{DS}/streams",
        body={"streams": ["b"]},
        form="object",
        missing=404,
        foreign=404,
        bad=bodies(400, "INVALID_REQUEST", {}, {"streams": "b"}, {"streams": [7]}, {"streams": ["\x00"]}),
    ),
    ("DELETE", "/v1/stream/__ds/subscriptions/{name}/streams/{path}"): Row(
        f"{DS}/streams/{{path}}",
        bad=(
            Bad(404, "SUBSCRIPTION_NOT_FOUND", address="/v1/stream/__ds/subscriptions/{foreign.sub}/streams/a"),
            Bad(404, "SUBSCRIPTION_NOT_FOUND", address="/v1/stream/__ds/subscriptions/{no.sub}/streams/a"),
            Bad(400, "INVALID_REQUEST", address=f"{DS}/streams/a%00b"),
            Bad(400, "INVALID_REQUEST", address=f"{DS}/streams/a%2F%2Fb"),
        ),
    ),
    ("POST", "/v1/stream/__ds/subscriptions/{name}/claim"): Row(
        f"{DS}/claim",
        body={"worker": "w"},
        form="object",
        missing=404,
        foreign=404,
        bad=(
            *bodies(400, "INVALID_REQUEST", {}, {"worker": 7}, {"worker": ""}, {"worker": "x" * 257}, {"worker": "\n"}),
            *bodies(409, "NO_PENDING_WORK", {"worker": "w"}),
        ),
    ),
    ("POST", "/v1/stream/__ds/subscriptions/{name}/callback"): _report("callback"),
    ("POST", "/v1/stream/__ds/subscriptions/{name}/ack"): _report("ack"),
    ("POST", "/v1/stream/__ds/subscriptions/{name}/release"): _report("release"),
    **{("GET", address): Row(re.sub(r"\{\w+\}", "some", address), bad=NOWHERE) for address in pages.ADDRESSES},
    ("GET", "/assets/{file}"): Row(
        "/assets/page-1a2b3c.js",
        bad=(
            *NOWHERE,
            Bad(404, "not_found", address="/assets/none.js"),
            Bad(404, "not_found", address="/assets/..%2Findex.html"),
            Bad(404, "not_found", address="/assets/a%00.js"),
            Bad(404, "not_found", address="/assets/" + "x" * 5000),
        ),
    ),
    ("GET", "/{file}"): Row(
        "/index.html",
        bad=(
            *NOWHERE,
            Bad(404, "not_found", address="/..%2f..%2fetc%2fpasswd"),
            Bad(404, "not_found", address="/a%00b"),
            Bad(404, "not_found", address="/%FF"),
        ),
    ),
    ("GET", "/docs"): Row("/docs", bad=NOWHERE),
    ("GET", "/openapi.json"): Row("/openapi.json", bad=NOWHERE),
}
