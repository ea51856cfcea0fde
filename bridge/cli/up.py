"""``up``: everything in one command, and nothing left of it afterwards."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, NamedTuple

import structlog
import typer

from bridge import logs
from bridge.app.humanize import host_of
from bridge.channels.webhook import signing_secrets
from bridge.cli import up_sandbox
from bridge.cli.output import facts_table, program, say, stderr
from bridge.cli.service import LOOPBACK, raise_file_limit
from bridge.cli.web import bind_in_reach
from bridge.errors import BridgeError, Misconfigured
from bridge.runtime.deployment import wait_for_store
from bridge.runtime.discovery import NO_KEY, can_poll, endpoints_of
from bridge.runtime.factories import broker, channels_for
from bridge.runtime.supervised import Child, Notice, Supervisor, embedded_store
from bridge.sandbox.server import base_url_of
from bridge.settings import Settings, load_settings
from bridge.version import __version__

#: The order in which children end; they start in the opposite one.
WORKERS, SERVERS, STORE = 0, 1, 2

#: Processes of each pool. Polling waits for answers, and one does that for thousands of
#: tasks; delivering signs and encrypts, so it may use two processors.
POLLERS, DELIVERERS = 1, 2

#: The variable that gives children the embedded store's URL.
STORE_VARIABLE = "BRIDGE_REDIS_URL"


def up(
    *,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Against the built-in gateway; needs no key."),
    ] = False,
    auto: Annotated[bool, typer.Option("--auto", hidden=True)] = False,
) -> None:
    """Run everything: store, workers, beat and web. Ctrl-C ends it all."""
    raise_file_limit()
    settings = load_settings(need_keys=False)
    logs.configure(settings.log_level, settings.log_format)
    if settings.log_format == "json":
        logs.only_json()
    try:
        if sandbox or (auto and not can_poll(settings)):
            code = _run_sandbox(settings, asked_for=sandbox)
        elif can_poll(settings):
            code = _run_real(load_settings())
        else:
            raise Misconfigured(NO_KEY)
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)


def _run_real(settings: Settings) -> int:
    channels_for(endpoints_of(settings))
    as_json = settings.log_format == "json"
    web = _web_address(settings)
    if settings.redis_url is not None:
        asyncio.run(wait_for_store(settings))
        _summary(settings, "the one that is configured", web)
        return _supervise(_processes(settings, web, {}), as_json=as_json)
    with embedded_store(
        settings.data_dir, stop_order=STORE, web_url=web.url if web else None
    ) as (store, url):
        asyncio.run(wait_for_store(settings))
        _summary(settings, f"built in, its data in {settings.data_dir}", web)
        children = [store, *_processes(settings, web, {STORE_VARIABLE: url})]
        return _supervise(children, as_json=as_json)


def _run_sandbox(settings: Settings, *, asked_for: bool) -> int:
    prepared = up_sandbox.prepare(settings)
    web = _sandbox_web_address(settings)
    web_url = web.url if web else None
    with embedded_store(
        prepared.settings.data_dir, stop_order=STORE, web_url=web_url
    ) as (store, url):
        env = {STORE_VARIABLE: url}
        as_json = settings.log_format == "json"
        if as_json:
            gateway = f"http://127.0.0.1:{prepared.gateway_port}"
            structlog.get_logger(__name__).warning(
                "sandbox.started", gateway=gateway, dashboard=web_url
            )
        else:
            up_sandbox.banner(prepared, asked_for=asked_for, dashboard=web_url)
        up_sandbox.enter(prepared, settings)
        servers = _servers(prepared, as_json=as_json)
        children = [store, *servers, *_processes(prepared.settings, web, env)]
        demo = _command("demo", "demo", env=env, restart=False)
        return _supervise([*children, demo], as_json=as_json)


class WebAddress(NamedTuple):
    """
    Where `web` is going to serve. We listen there already, and it inherits that: nobody can
    take the port before it begins, nor while it is started again.
    """

    host: str
    bound: socket.socket

    @property
    def url(self) -> str:
        """By which clients on this machine reach it."""
        return base_url_of(self.bound)


def _web_address(settings: Settings) -> WebAddress | None:
    """Listen where `web` is to serve; ``None`` if it is not to be served, or cannot be."""
    web = settings.web
    if not web.enabled:
        return None
    try:
        return listen(settings, web.host, web.port)
    except Misconfigured:
        raise
    except BridgeError as error:
        say(
            f"web is not served: {str(error).partition(';')[0]}; web.port names another"
        )
        return None


def _sandbox_web_address(settings: Settings) -> WebAddress | None:
    """Listen where the sandbox's `web` can serve: as chosen, or else anywhere."""
    if not settings.web.enabled:
        return None
    with suppress(BridgeError):
        return listen(settings, LOOPBACK, settings.web.port)
    return listen(settings, LOOPBACK, 0)


def listen(settings: Settings, host: str, port: int) -> WebAddress:
    """
    Listen for a process that is started later.

    Raises:
        Misconfigured: It can be reached from elsewhere, and nobody has to present a token.

        BridgeError: The address cannot be used.
    """
    return WebAddress(host, bind_in_reach(settings, host, port))


def _supervise(children: list[Child], *, as_json: bool) -> int:
    def report(notice: Notice) -> None:
        if as_json:
            structlog.get_logger(__name__).warning(notice.event, **notice.facts)
        else:
            say(notice.text)

    code = Supervisor(children, report=report).run()
    if stderr().is_terminal:
        stderr().print()  # below the ^C that the terminal has written
    if code == 0:
        lost = next(
            (why for one in children if one.trouble and (why := one.trouble())), ""
        )
        say(f"ended; {lost or 'nothing is lost, the next start goes on from here'}")
    return code


def _command(
    name: str,
    *argv: str,
    env: dict[str, str],
    order: int = WORKERS,
    restart: bool = True,
    keep_open: Sequence[int] = (),
    port: int | None = None,
) -> Child:
    """Return a child that is a command of ours."""
    return Child(
        name=name,
        argv=[sys.executable, "-m", "bridge.cli", *argv],
        env=env,
        keep_open=keep_open,
        restart=restart,
        stop_order=order,
        ready=None if port is None else lambda: _answers(port),
    )


def _processes(
    settings: Settings, web: WebAddress | None, env: dict[str, str]
) -> list[Child]:
    # Where every key is ours, so is the queue of producers that name none.
    ours = broker(settings).prefixed
    poll = "poll,celery" if ours else "poll"
    return [
        _command(
            "the deliverer", "worker", "-Q", "deliver", "-c", str(DELIVERERS), env=env
        ),
        _command("the poller", "worker", "-Q", poll, "-c", str(POLLERS), env=env),
        _command("beat", "beat", env=env),
        *([_web(web, env)] if web else []),
    ]


def _web(address: WebAddress, env: dict[str, str]) -> Child:
    number = address.bound.fileno()
    argv = ("web", "--host", address.host, "--fd", str(number))
    return _command("the web process", *argv, env=env, keep_open=[number])


def _servers(sandbox: up_sandbox.Sandbox, *, as_json: bool) -> list[Child]:
    gateway, receiver = str(sandbox.gateway_port), str(sandbox.receiver_port)
    json = ["--json"] if as_json else []
    secret = {up_sandbox.SECRET_VARIABLE: sandbox.secret}
    return [
        _command(
            "the gateway",
            *("sandbox", "--port", gateway, "--quiet"),
            env={},
            order=SERVERS,
            port=sandbox.gateway_port,
        ),
        _command(
            "the receiver",
            *("listen", "--port", receiver, "--quiet", *json),
            env=secret,
            order=SERVERS,
            port=sandbox.receiver_port,
        ),
    ]


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return True
    return False


def _summary(settings: Settings, store: str, web: WebAddress | None) -> None:
    """Print what runs, in a few lines."""
    if settings.log_format == "json":
        structlog.get_logger(__name__).info(
            "up.started",
            version=__version__,
            upstreams=list(settings.upstreams),
            endpoints=list(settings.endpoints),
            store=store,
            web=web.url if web else None,
        )
        return
    facts = facts_table()
    for name, upstream in settings.upstreams.items():
        interval = f"every {upstream.poll_interval:g} s"
        facts.add_row(
            "polls", f"[bold]{name}[/]  {host_of(upstream.base_url)}, {interval}"
        )
    for name, endpoint in settings.endpoints.items():
        host = host_of(endpoint.url.get_secret_value())
        signed = ", signed" if signing_secrets(endpoint.options()) else ""
        facts.add_row("delivers", f"[bold]{name}[/]  {endpoint.kind} at {host}{signed}")
    if not settings.endpoints:
        warning = "[yellow]to nobody: set BRIDGE_ENDPOINTS__ME__URL=https://... and start again[/]"
        facts.add_row("delivers", warning)
    facts.add_row("store", store)
    if web is not None:
        facts.add_row("dashboard", f"[bold]{web.url}[/]")
    facts.add_row("track", f"{program()} track ID  (in another terminal)")
    stderr().print(f"[bold]mjbridge {__version__}[/]  Ctrl-C ends it")
    stderr().print(facts)
