"""The exchange with a receiver whose request was written by its operator."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from bridge.channels.base import DeliveryContext, Exchange, ExchangeResult
from bridge.channels.reply import Reply, read_status, reply_to
from bridge.channels.template.options import TemplateOptions
from bridge.core.backoff import MAX_RETRY_AFTER
from bridge.core.delivery import Attempt, AttemptResult, Fault, result_of
from bridge.core.endpoint import Endpoint
from bridge.core.http import USER_AGENT, Request, Response, with_own
from bridge.core.redact import redact

if TYPE_CHECKING:
    from bridge.channels.template.language import TemplateFault

#: Names of headers that carry credentials; shorter words in their values are "Bearer".
_CREDENTIAL = re.compile(r"auth|key|token|secret|cookie|pass", re.IGNORECASE)
_MIN_SECRET = 7
_DAG_RUNS = re.compile(r"^(?P<root>.*)/api/v2/dags/[^/]+/dagRuns/?$")


def deliver(context: DeliveryContext) -> Exchange:
    """Deliver an event, see `bridge.channels.base.Channel`."""
    # Jinja2 takes longer to import than all the rest of a short command.
    from bridge.channels.template.language import TemplateFault  # noqa: PLC0415
    from bridge.channels.template.rendering import recipe_of, render  # noqa: PLC0415

    endpoint, event = context.endpoint, context.event
    try:
        recipe = recipe_of(endpoint)
        body, own = render(recipe, endpoint, event)
    except TemplateFault as fault:
        # The same template and the same event will fail again.
        detail = f"{fault.setting}: {fault}"
        return ExchangeResult(attempt=_unsent(context, detail))
    duration = 0.0
    if sign_in := _sign_in(context, own):
        response = yield sign_in
        duration = response.duration
        token = _access_token(response)
        if token is None:
            return ExchangeResult(attempt=_not_signed_in(response, context))
        own["authorization"] = f"Bearer {token}"
    ours = {"user-agent": USER_AGENT, "webhook-id": event.id}
    if body:
        ours["content-type"] = recipe.content_type
    if context.redelivery:
        ours["webhook-redelivery"] = "true"
    response = yield Request(
        url=endpoint.url,
        method=recipe.method,
        body=body,
        headers=with_own(ours, own),
    )
    reply = reply_to(response, partial(_read, success=recipe.success))
    reply = replace(reply, detail=_redacted(reply.detail, context, own))
    duration += response.duration
    return ExchangeResult(
        attempt=reply.attempt(started=context.started, duration=duration)
    )


def faults(endpoint: Endpoint) -> list[TemplateFault]:
    """Return what is wrong with an endpoint's templates: the first fault of each."""
    from bridge.channels.template import rendering  # noqa: PLC0415 - as above

    return rendering.faults(endpoint)


def sample_response(request: Request) -> Response:
    """Return the answer of a receiver that takes everything, see `bridge.channels.base.Channel`."""
    if urlsplit(request.url).path.endswith("/auth/token"):
        return Response(status=201, body=b'{"access_token": "..."}')
    return Response(status=200, body=b"{}")


def _unsent(context: DeliveryContext, detail: str) -> Attempt:
    return Attempt(
        started=context.started,
        duration=0.0,
        fault=Fault.RENDERING,
        detail=detail,
        platform_result=AttemptResult.PERMANENT_FAILURE,
    )


# --- what is answered -----------------------------------------------------------------


def _read(response: Response, *, success: tuple[str, ...]) -> Reply:
    status, reply = response.status, read_status(response)
    if any(fnmatchcase(str(status), glob) for glob in success):
        # Airflow 2 answers so as well where another run has the same date; a later attempt
        # is given another one.
        if status == 409 and b"DAGRun logical date" in response.body:
            return reply
        return replace(reply, result=AttemptResult.DELIVERED)
    reply = replace(reply, retry_after=_rate_limited(response))
    if result_of(status) is AttemptResult.DELIVERED:
        detail = f"HTTP {status} is not among what counts as success"
        reply = replace(reply, result=AttemptResult.FAILED, detail=detail)
    return reply


def _rate_limited(response: Response) -> float | None:
    """
    Return how long a used-up rate limit lasts, in the headers of GitHub and others.

    Source: GitHub, REST API, "Exceeding the rate limit".
    """
    headers, now = response.headers, response.received_at
    if response.status not in {403, 429} or headers.get("x-ratelimit-remaining") != "0":
        return None
    reset = headers.get("x-ratelimit-reset", "")
    if not re.fullmatch(r"[0-9]{10}", reset) or int(reset) <= now:
        return None
    return min(int(reset) - now, MAX_RETRY_AFTER)


def _redacted(detail: str, context: DeliveryContext, headers: Mapping[str, str]) -> str:
    """Redact what a receiver repeats of our credentials, in any form they were sent in."""
    secrets = set(context.endpoint.options.secrets_within())
    for name, value in headers.items():
        if _CREDENTIAL.search(name):
            secrets |= {word for word in value.split() if len(word) >= _MIN_SECRET}
    return redact(detail, secrets)


# --- Airflow 3 ------------------------------------------------------------------------


def _sign_in(context: DeliveryContext, headers: dict[str, str]) -> Request | None:
    """
    Make the request for an access token, if Airflow 3 needs one and a password is given.

    It takes no password with a run, and its tokens expire after a day.

    Source: Airflow, "Public API", JWT token authentication: ``POST /auth/token``.
    """
    endpoint = context.endpoint
    options = TemplateOptions.of(endpoint)
    token = options.token or ""
    parts = urlsplit(endpoint.url)
    place = _DAG_RUNS.match(parts.path)
    if (
        place is None
        or not (options.preset or "").startswith("airflow")
        or ":" not in token
        or "authorization" in {name.lower() for name in endpoint.headers}
    ):
        return None
    headers.pop("authorization", None)
    user, _, password = token.partition(":")
    url = urlunsplit(
        (parts.scheme, parts.netloc, f"{place['root']}/auth/token", "", "")
    )
    body = json.dumps({"username": user, "password": password}).encode()
    ours = {"content-type": "application/json", "user-agent": USER_AGENT}
    return Request(url=url, body=body, headers=with_own(ours, headers))


def _access_token(response: Response) -> str | None:
    if response.status not in {200, 201}:
        return None
    try:
        token = json.loads(response.body)["access_token"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    fine = isinstance(token, str) and token.isascii() and token.isprintable()
    return token if fine else None


def _not_signed_in(response: Response, context: DeliveryContext) -> Attempt:
    reply = reply_to(response, read_status)
    outcome = f"HTTP {response.status}" if response.status else str(response.fault)
    # The answer may hold a token in a form that we do not know.
    detail = f"Airflow's sign-in: {outcome}"
    reply = replace(reply, result=AttemptResult.FAILED, detail=detail)
    return reply.attempt(started=context.started, duration=response.duration)
