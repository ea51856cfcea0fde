"""``setup``: has a chat's buttons work, as far as that can be done from here."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.channels.endpoint_options import has_native_buttons
from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import say, write
from bridge.core.endpoint import Endpoint
from bridge.errors import Misconfigured
from bridge.runtime import chat_setup
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoint_of
from bridge.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def setup() -> None:
    """Set up buttons in Slack, Discord or Telegram, and try one."""


ChatArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The endpoint's name; not needed if there is one of this kind.",
    ),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait", min=0.0, help="Seconds to wait for the click; 0: send nothing."
    ),
]


@app.command()
def slack(name: ChatArgument = None, *, wait: WaitOption = 120.0) -> None:
    """Set Slack up: a link that makes the app, then a test button."""

    async def work(deployment: Deployment) -> None:
        endpoint = _endpoint(deployment.settings, "slack", name)
        if endpoint is None:
            write(chat_setup.slack_app_url(deployment.settings))
            private = deployment.settings.public_url is None
            needed = (
                'app_token = "xapp-..." (Basic Information, App-Level Tokens, connections:write)'
                if private
                else 'signing_secret = "..." (Basic Information)'
            )
            say(
                "open this link, install the app, and configure an endpoint with its webhook's "
                f'url, buttons = "native", and {needed}; then: mjbridge setup slack NAME'
            )
            return
        await _try(deployment, endpoint, wait)

    in_deployment(work)


@app.command()
def discord(
    name: ChatArgument = None,
    *,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="DISCORD_BOT_TOKEN", help="The bot's token."),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel", help="The id of the channel that a webhook is made for."
        ),
    ] = None,
    api: Annotated[str, typer.Option("--api", hidden=True)] = chat_setup.DISCORD,
    wait: WaitOption = 120.0,
) -> None:
    """Set Discord up: a webhook that the application owns, its clicks, a test button."""

    async def work(deployment: Deployment) -> None:
        settings = deployment.settings
        endpoint = None
        if not channel or name in settings.endpoints:
            endpoint = _endpoint(settings, "discord", name)
        if endpoint is not None:
            if channel:
                msg = f"endpoints.{endpoint.name} has a webhook already: leave --channel out, or name a new endpoint"
                raise Misconfigured(msg)
            if token and settings.public_url:
                bot = chat_setup.DiscordApplication(token=token, api=api)
                key = str(getattr(endpoint.options, "public_key", ""))
                place = await bot.send_clicks_to(settings.public_url, key)
                say(f"clicks are sent to {place}")
            await _try(deployment, endpoint, wait)
        elif token and channel:
            bot = chat_setup.DiscordApplication(token=token, api=api)
            made = await bot.make_webhook(channel)
            write(f"[endpoints.{name or 'discord'}]")
            for key, value in made.items():
                write(f'{key} = "{value}"')
            write('buttons = "native"')
            if settings.public_url is None:
                say("set public_url as well: Discord sends clicks nowhere else")
            say(
                "put that into bridge.toml, and start mjbridge up anew; then mjbridge setup discord "
                f"{name or 'discord'} --token ... says to Discord where clicks go, and tries a button"
            )
        else:
            say(
                "mjbridge setup discord NAME --token BOT_TOKEN --channel CHANNEL_ID makes a "
                "webhook that can have buttons; the bot needs Manage Webhooks there"
            )

    in_deployment(work)


@app.command()
def telegram(name: ChatArgument = None, *, wait: WaitOption = 120.0) -> None:
    """Set Telegram up: where the bot's clicks go, and a test button."""

    async def work(deployment: Deployment) -> None:
        endpoint = _endpoint(deployment.settings, "telegram", name)
        if endpoint is None:
            say(
                'configure an endpoint with url = "https://api.telegram.org/bot<token>", chat_id '
                'and buttons = "native"; then: mjbridge setup telegram NAME'
            )
            return
        say(await chat_setup.set_up_telegram(deployment, endpoint))
        await _try(deployment, endpoint, wait)

    in_deployment(work)


def _endpoint(settings: Settings, kind: str, name: str | None) -> Endpoint | None:
    """
    Return the endpoint that is meant; ``None`` if none of this kind is configured.

    Raises:
        Misconfigured: It is not clear which is meant, or that one cannot have buttons.
    """
    known = [one for one, given in settings.endpoints.items() if given.kind == kind]
    if name is None and len(known) > 1:
        msg = f"which endpoint? {kind} is what {' and '.join(known)} are for"
        raise Misconfigured(msg)
    if name is None:
        name = known[0] if known else None
    elif name not in settings.endpoints:
        hint = f"; of kind {kind} there is {' and '.join(known)}" if known else ""
        msg = f"there is no endpoint {name!r}{hint}; mjbridge setup {kind} says how to begin"
        raise Misconfigured(msg)
    elif name not in known:
        msg = f"endpoints.{name} is of kind {settings.endpoints[name].kind}, not {kind}"
        raise Misconfigured(msg)
    if name is None:
        return None
    endpoint = endpoint_of(settings, name)
    if not has_native_buttons(endpoint):
        msg = f'endpoints.{name} has no buttons yet: set buttons = "native" there'
        raise Misconfigured(msg)
    return endpoint


async def _try(deployment: Deployment, endpoint: Endpoint, wait: float) -> None:
    if wait <= 0:
        return
    async for said in chat_setup.try_buttons(deployment, endpoint, patience=wait):
        say(said)
