"""
The sandbox of `mjbridge up`: its directory, its settings, and its banner.

It is a deployment of its own, with a store, a configuration and addresses that outlive it,
so that a second run goes on where the first one ended. Nothing that is configured for the
real thing reaches it but the rules, which can be tried there for nothing; and its events reach
nothing that is configured.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rich import box
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.channels.webhook import signing_secrets
from bridge.cli.output import facts_table, program, stderr
from bridge.errors import BridgeError, Misconfigured, directory_errors
from bridge.runtime.discovery import SANDBOX, load_sandbox, sandbox_dir
from bridge.settings import Settings
from bridge.settings.models import RuleSettings

#: The receiver's name among the sandbox's endpoints.
RECEIVER = "receiver"
#: What clients show that pass through the sandbox's gateway; it opens nothing else.
KEY = "sk-sandbox"
#: How the receiver's process gets the secret; on its command line all could read it.
SECRET_VARIABLE = "MJBRIDGE_LISTEN_SECRET"  # noqa: S105 - a name

_TOML = """\
# The sandbox's own settings, written by `mjbridge up --sandbox`. Remove this directory
# to begin anew.
data_dir = "."

[archive]
url = "file:./pictures"

[upstreams.{upstream}]
base_url = "http://127.0.0.1:{gateway}"
api_key = "{key}"
poll_interval = 0.5
rate_limit = "20/s"

[endpoints.{receiver}]
url = "http://127.0.0.1:{port}/hooks/mjbridge"
secrets = ["{secret}"]
events = ["*"]
retry = [1, 2, 5, 10, 30, 60, 300]
"""
#: Below this are the user's own rules, as they were at the last start.
_RULES = "\n# Your own rules, taken from your settings at each start.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox that is ready to be run."""

    folder: Path
    settings: Settings
    gateway_port: int
    receiver_port: int
    secret: str = field(repr=False)


def prepare(settings: Settings) -> Sandbox:
    """
    Make the sandbox's directory, or take the one that is there.

    Raises:
        BridgeError: The directory's disk is full.

        Misconfigured: It cannot be used.
    """
    folder = sandbox_dir(settings)
    with directory_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sandbox = _kept(folder)
        if sandbox is None or not (
            _is_free(sandbox.gateway_port) and _is_free(sandbox.receiver_port)
        ):
            new = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
            _write(folder, secret=sandbox.secret if sandbox else new)
        _take_rules(folder, settings.rules)
        sandbox = _kept(folder)
    if sandbox is None:
        msg = f"cannot read back what was written to {folder}"
        raise Misconfigured(msg)
    return sandbox


def enter(sandbox: Sandbox, settings: Settings) -> None:
    """
    Make this process, and all that it starts, belong to the sandbox.

    Nothing of the real configuration is left: no variable, and no file in the working
    directory. Only how to log is still the user's own choice.
    """
    for name in [name for name in os.environ if name.upper().startswith("BRIDGE_")]:
        del os.environ[name]
    chosen = settings.model_fields_set
    # The receiver prints what arrives; a log line about each attempt would say it twice.
    level = settings.log_level if "log_level" in chosen else "warning"
    os.environ["BRIDGE_LOG_LEVEL"] = level
    os.environ["BRIDGE_LOG_FORMAT"] = settings.log_format
    os.chdir(sandbox.folder)


def banner(sandbox: Sandbox, *, asked_for: bool, dashboard: str | None) -> None:
    """Print that nothing of this is real, where to watch it, and how it would be real."""
    why = (
        "Asked for with --sandbox: your gateways and endpoints are left alone."
        if asked_for
        else "No API key is configured, so nothing here is real."
    )
    facts = facts_table()
    gateway = f"http://127.0.0.1:{sandbox.gateway_port}"
    if dashboard is not None:
        facts.add_row("dashboard", f"[bold]{dashboard}[/]")
    facts.add_row("gateway", f"simulated: tasks, progress, pictures  {gateway}")
    facts.add_row("receiver", "verifies each signature, and prints every event below")
    facts.add_row("data", f"kept for the next run  {_near(sandbox.folder)}")
    facts.add_row("try", f"{program()} watch  (in another terminal)")
    if dashboard is not None:
        facts.add_row("", "open a finished picture in the dashboard, and press U1")
        facts.add_row("", f"your client: base URL {dashboard}, key {KEY}")
    real = Text("\nThe real thing: set these two, and run the same again", style="bold")
    variables = Text(
        "  BRIDGE_UPSTREAMS__DEFAULT__API_KEY=sk-...\n"
        "  BRIDGE_ENDPOINTS__ME__URL=https://example.com/hooks/mj",
        style="cyan",
    )
    content = Table.grid()
    for part in (Text(why, style="bold"), Text(), facts, real, variables):
        content.add_row(part)
    panel = Panel(
        content,
        box=box.DOUBLE,
        title="[bold black on yellow]  S A N D B O X  [/]",
        border_style="yellow",
        padding=(1, 2),
        width=min(stderr().width, 88),
    )
    stderr().print(panel)


def _near(folder: Path) -> str:
    """Return a directory as seen from the working directory."""
    with suppress(ValueError, OSError):
        return str(folder.relative_to(Path.cwd()))
    return str(folder)


def _kept(folder: Path) -> Sandbox | None:
    """Read the sandbox that is there; ``None`` if it cannot be used."""
    if not (folder / "bridge.toml").exists():
        return None
    try:
        settings = load_sandbox(folder)
        gateway = urlsplit(settings.upstreams[SANDBOX].base_url).port
        receiver = settings.endpoints[RECEIVER]
        port = urlsplit(receiver.url.get_secret_value()).port
        [secret] = signing_secrets(receiver.options())
    except (BridgeError, LookupError, ValueError):
        return None
    return Sandbox(
        folder=folder,
        settings=settings,
        gateway_port=gateway or 0,
        receiver_port=port or 0,
        secret=secret,
    )


def _write(folder: Path, *, secret: str) -> None:
    gateway, port = _free_ports(2)
    content = _TOML.format(
        upstream=SANDBOX,
        receiver=RECEIVER,
        gateway=gateway,
        port=port,
        secret=secret,
        key=KEY,
    )
    _put(folder, content)


def _take_rules(folder: Path, rules: Mapping[str, RuleSettings]) -> None:
    """Have the sandbox follow rules, in the place of those that it followed before."""
    before = (folder / "bridge.toml").read_text(encoding="utf-8")
    content = before.partition(_RULES)[0]
    if rules:
        content += _RULES + "".join(map(_rule_toml, rules, rules.values()))
    if content != before:
        _put(folder, content)


def _rule_toml(name: str, rule: RuleSettings) -> str:
    chosen = rule.model_dump(include=rule.model_fields_set - {"where"})
    lines = [f"{key} = {_toml(value)}" for key, value in chosen.items()]
    if rule.where:
        where = (
            f"{_toml(one)} = {_toml(wanted)}" for one, wanted in rule.where.items()
        )
        lines.append(f"where = {{ {', '.join(where)} }}")
    return "\n".join([f"[rules.{_toml(name)}]", *lines, ""])


def _toml(value: object) -> str:
    """Write texts, numbers and lists of them: what JSON writes for them is TOML, too."""
    return json.dumps(value, ensure_ascii=False)


def _put(folder: Path, content: str) -> None:
    target = folder / "bridge.toml"
    draft = folder / ".bridge.toml.new"
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(content, encoding="utf-8")
    draft.replace(target)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return port > 0


def _free_ports(count: int) -> list[int]:
    """Find free ports; all at once, so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
