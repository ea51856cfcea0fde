"""`bridge.channels.template`: any request that a pipeline wants, and what its answer means."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.adapters.http.sender import HttpSender
from bridge.app.delivery.attempt import run_exchange
from bridge.channels import template
from bridge.core.delivery import Fault
from bridge.core.http import Request, Response
from tests.channels.cases import (
    CASES,
    DONE,
    NASTY_TEXTS,
    NOW,
    TASK_ID,
    Transcript,
    endpoint,
    event_of,
    perform,
)
from tests.receivers import answers, receiver

URL = "https://ci.example/hook"
DONE_EVENT = CASES["succeeded_grid"]
AIRFLOW = "https://airflow.example/prefix/api/v2/dags/art/dagRuns"


def outcome_of(
    *responses: Response, redelivery: bool = False, **settings: Any
) -> Transcript:
    """What comes of delivering one event, answered with these in turn."""
    queue = list(responses)
    return perform(
        template,
        DONE_EVENT,
        endpoint("template", settings.pop("url", URL), **settings),
        answers=lambda _: queue.pop(0) if queue else Response(status=200),
        redelivery=redelivery,
    )


def answered(status: int, body: bytes = b"", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, body=body, headers=named, received_at=NOW)


# --- the request ----------------------------------------------------------------------


def test_a_request_is_made_as_its_operator_wrote_it() -> None:
    (request,) = outcome_of(
        method="put",
        body='{"text": "{{ data.prompt }}"}',
        headers={"X-Task": "{{ data.id }}", "Authorization": "Bearer t0ken"},
    ).requests

    assert (request.method, request.url) == ("PUT", URL)
    assert json.loads(request.body) == {"text": DONE.prompt}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-task"] == TASK_ID
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["user-agent"].startswith("mjbridge/")


def test_every_attempt_has_the_events_id_and_a_redelivery_says_that_it_is_one() -> None:
    (request,) = outcome_of(body="{}").requests
    (again,) = outcome_of(body="{}", redelivery=True).requests

    assert request.headers["webhook-id"] == DONE_EVENT.id
    assert "webhook-redelivery" not in request.headers
    assert again.headers["webhook-id"] == DONE_EVENT.id
    assert again.headers["webhook-redelivery"] == "true"


def test_a_method_without_a_body_needs_none() -> None:
    (request,) = outcome_of(method="GET").requests

    assert (request.method, request.body) == ("GET", b"")
    assert "content-type" not in request.headers


def test_a_header_that_comes_out_empty_is_not_sent() -> None:
    (request,) = outcome_of(body="{}", headers={"X-Reason": "{{ reason }}"}).requests

    assert "x-reason" not in request.headers


def test_the_token_is_for_headers() -> None:
    (request,) = outcome_of(
        body="{}", token="s3cret", headers={"X-Api-Key": "{{ token }}"}
    ).requests

    assert request.headers["x-api-key"] == "s3cret"
    assert b"s3cret" not in request.body


def test_what_cannot_be_filled_in_fails_for_good_and_says_where() -> None:
    had = outcome_of(body='{"x": {{ data.oops }}}')

    assert had.requests == []
    assert had.result == "permanent_failure"
    assert had.outcome.attempt.fault is Fault.RENDERING
    assert had.outcome.attempt.detail == "body: line 1: there is no field 'oops' here"


# --- the answer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "success", "meaning"),
    [
        pytest.param(200, None, "delivered", id="any 2xx"),
        pytest.param(299, None, "delivered", id="really any"),
        pytest.param(302, None, "failed", id="no redirect"),
        pytest.param(409, None, "failed", id="a conflict"),
        pytest.param(409, ["2??", 409], "delivered", id="a conflict that is fine"),
        pytest.param(302, ["30[0-9]"], "delivered", id="a redirect that is fine"),
        pytest.param(200, ["201"], "failed", id="a 200 where 201 is wanted"),
        pytest.param(410, None, "gone", id="gone"),
        pytest.param(410, ["4??"], "delivered", id="gone, but fine"),
        pytest.param(422, None, "refused", id="refused"),
        pytest.param(404, None, "failed", id="not found"),
        pytest.param(503, None, "failed", id="down"),
    ],
)
def test_success_is_what_its_operator_says(
    status: int, success: list[object] | None, meaning: str
) -> None:
    settings: dict[str, Any] = {} if success is None else {"success": success}

    assert outcome_of(answered(status), body="{}", **settings).result == meaning


def test_no_answer_is_a_failure_with_its_reason() -> None:
    lost = Response(duration=1.0, fault=Fault.TIMEOUT, detail="no answer within 15 s")

    had = outcome_of(lost, body="{}")

    assert had.result == "failed"
    assert had.outcome.attempt.fault is Fault.TIMEOUT
    assert had.outcome.attempt.detail == "no answer within 15 s"


def test_a_receiver_can_ask_for_time() -> None:
    asked = outcome_of(answered(503, retry_after="30"), body="{}")
    spent = outcome_of(
        answered(
            403, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW) + 1800)
        ),
        body="{}",
    )
    odd = outcome_of(
        answered(429, x_ratelimit_remaining="0", x_ratelimit_reset="soon"), body="{}"
    )
    done = outcome_of(answered(200, retry_after="30"), body="{}")

    assert asked.outcome.attempt.retry_after == 30
    assert spent.outcome.attempt.retry_after == pytest.approx(1800, abs=1)
    assert odd.outcome.attempt.retry_after is None
    assert done.outcome.attempt.retry_after is None


def test_a_token_that_is_answered_back_is_not_kept() -> None:
    had = outcome_of(answered(401, b"bad token s3cret"), body="{}", token="s3cret")

    assert had.outcome.attempt.detail == "bad token …"


def test_credentials_that_are_answered_back_are_not_kept_in_any_form() -> None:
    own = outcome_of(
        answered(400, b"who is 0123456789?"),
        body="{}",
        headers={"X-Api-Key": "0123456789"},
    )
    basic = outcome_of(
        answered(400, b"Basic Ym90OnQwa2Vu bot:t0ken"),
        preset="jenkins",
        token="bot:t0ken",
    )
    signed_in = outcome_of(
        answered(201, b'{"access_token": "eyJ.jwt.sig"}'),
        answered(403, b"eyJ.jwt.sig may not"),
        preset="airflow",
        url=AIRFLOW,
        token="bot:t0ken",
    )

    assert own.outcome.attempt.detail == "who is …?"
    assert basic.outcome.attempt.detail == "Basic … …"
    assert signed_in.outcome.attempt.detail == "… may not"


# --- Airflow --------------------------------------------------------------------------


def test_a_run_that_is_there_already_is_a_success() -> None:
    settings: dict[str, Any] = {"preset": "airflow", "url": AIRFLOW}
    there = b"DAGRun with DAG ID: 'art' and DAGRun ID: 'evt_1' already exists"
    same_time = (
        b"DAGRun with DAG ID: 'art' and DAGRun logical date: '2026' already exists"
    )

    assert outcome_of(answered(409, there), **settings).result == "delivered"
    assert outcome_of(answered(409, same_time), **settings).result == "failed"
    assert outcome_of(answered(404), **settings).result == "failed"


def test_airflow_3_is_signed_in_to_with_a_password() -> None:
    signed = answered(201, b'{"access_token": "eyJ.jwt"}')

    sign_in, run = outcome_of(
        signed, preset="airflow", url=AIRFLOW, token="bot:pa:ss"
    ).requests

    assert sign_in.url == "https://airflow.example/prefix/auth/token"
    assert json.loads(sign_in.body) == {"username": "bot", "password": "pa:ss"}
    assert run.url == AIRFLOW
    assert run.headers["authorization"] == "Bearer eyJ.jwt"
    assert json.loads(run.body)["logical_date"] is None


def test_a_sign_in_that_fails_is_a_failed_attempt_without_its_answer() -> None:
    refused = outcome_of(
        answered(401, b"bot:pass"), preset="airflow", url=AIRFLOW, token="bot:pass"
    )
    odd = outcome_of(
        answered(200, b"[]"), preset="airflow", url=AIRFLOW, token="bot:pass"
    )

    for had in (refused, odd):
        assert len(had.requests) == 1
        assert had.result == "failed"
    assert refused.outcome.attempt.detail == "Airflow's sign-in: HTTP 401"


@pytest.mark.parametrize(
    ("settings", "authorization"),
    [
        ({"token": "eyJ.jwt"}, "Bearer eyJ.jwt"),
        ({"token": "a:b", "headers": {"Authorization": "Bearer x"}}, "Bearer x"),
        (
            {"token": "a:b", "url": AIRFLOW.replace("/v2/", "/v1/")},
            "Basic YTpi",
        ),
    ],
)
def test_otherwise_a_run_is_one_request(
    settings: dict[str, Any], authorization: str
) -> None:
    (request,) = outcome_of(
        **{"preset": "airflow", "url": AIRFLOW, **settings}
    ).requests

    assert request.headers["authorization"] == authorization


def test_airflow_2_is_given_no_date() -> None:
    url = AIRFLOW.replace("/v2/", "/v1/")

    (request,) = outcome_of(preset="airflow", url=url).requests

    assert json.loads(request.body).keys() == {"dag_run_id", "conf"}


# --- on the wire ----------------------------------------------------------------------


@pytest.mark.component
async def test_on_the_wire_a_prompt_is_one_value_and_nothing_else() -> None:
    event = event_of(
        "task.succeeded", replace(DONE, prompt='"}\r\nX-Evil: 1\r\n\r\n{"')
    )
    sender = HttpSender()
    async with receiver(answers("201 Created")) as there:
        target = endpoint(
            "template",
            there.url,
            body='{"prompt": "{{ data.prompt }}"}',
            headers={"X-Prompt": "{{ data.prompt }}"},
        )
        outcome = await run_exchange(
            template.deliver(_context(event, target)),
            target,
            sender=sender,
            save_state=_forget,
            now=lambda: NOW,
            elapsed=lambda: 0.0,
        )
        await sender.aclose()

    assert outcome.attempt.succeeded
    (received,) = there.requests
    assert json.loads(received.body) == {"prompt": '"}\r\nX-Evil: 1\r\n\r\n{"'}
    assert received.headers["x-prompt"] == '"}%0D%0AX-Evil: 1%0D%0A%0D%0A{"'
    assert "x-evil" not in received.headers


def _context(event: Any, target: Any) -> Any:
    from bridge.channels.base import DeliveryContext

    return DeliveryContext(event=event, endpoint=target, now=NOW, started=NOW)


async def _forget(channel_state: object) -> bool:
    del channel_state
    return True


def test_a_preview_shows_every_request() -> None:
    asked: list[Request] = perform(
        template,
        DONE_EVENT,
        endpoint("template", AIRFLOW, preset="airflow", token="bot:pass"),
    ).requests

    assert [request.url.rpartition("/")[2] for request in asked] == ["token", "dagRuns"]


def test_nothing_of_a_template_is_in_what_is_printed_of_a_prompt() -> None:
    """Texts that people copy into prompts to try what happens: nothing does."""
    event = event_of("task.succeeded", replace(DONE, prompt=NASTY_TEXTS["templates"]))

    (request,) = perform(
        template, event, endpoint("template", URL, preset="n8n")
    ).requests

    assert json.loads(request.body)["prompt"] == NASTY_TEXTS["templates"]
