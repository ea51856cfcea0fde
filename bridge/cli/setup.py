"""``setup``: has a chat's buttons work, as far as that can be done from here."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.in_deployment import in_deployment
from bridge.cli.output import say, write
from bridge.core.endpoint import Endpoint
from bridge.runtime import chat_setup
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import endpoint_of
from bridge.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def setup() -> None:
    """Set up buttons in Slack, Discord or Telegram, and try one."""


ChatArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="The endpoint's name.")
]
WaitOption = Annotated[
    float, typer.Option("--wait", help="Seconds to wait for the click; 0: do not try.")
]


@app.command()
def slack(name: ChatArgument = None, *, wait: WaitOption = 120.0) -> None:
    """Set Slack up: a link that makes the app, then a test button."""

    async def work(deployment: Deployment) -> None:
        endpoint = _configured(deployment.settings, name)
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
        str | None, typer.Option("--channel", help="The channel's id.")
    ] = None,
    api: Annotated[str, typer.Option("--api", hidden=True)] = "https://discord.com",
    wait: WaitOption = 120.0,
) -> None:
    """Set Discord up: a webhook that the application owns, its clicks, a test button."""

    async def work(deployment: Deployment) -> None:
        endpoint = _configured(deployment.settings, name)
        if token and channel:
            made = await chat_setup.set_up_discord(
                deployment.settings, token=token, channel=channel, api=api
            )
            write(f"[endpoints.{name or 'discord'}]")
            for key, value in made.items():
                write(f'{key} = "{value}"')
            write('buttons = "native"')
            if deployment.settings.public_url is None:
                say("set public_url as well: Discord sends clicks nowhere else")
            say("with that in bridge.toml: mjbridge setup discord NAME tries a button")
            return
        if endpoint is None:
            say(
                "mjbridge setup discord NAME --token BOT_TOKEN --channel CHANNEL_ID makes a "
                "webhook that can have buttons; the bot needs Manage Webhooks there"
            )
            return
        await _try(deployment, endpoint, wait)

    in_deployment(work)


@app.command()
def telegram(name: ChatArgument = None, *, wait: WaitOption = 120.0) -> None:
    """Set Telegram up: where the bot's clicks go, and a test button."""

    async def work(deployment: Deployment) -> None:
        endpoint = _configured(deployment.settings, name)
        if endpoint is None:
            say(
                'configure an endpoint with url = "https://api.telegram.org/bot<token>", chat_id '
                'and buttons = "native"; then: mjbridge setup telegram NAME'
            )
            return
        say(await chat_setup.set_up_telegram(deployment, endpoint))
        await _try(deployment, endpoint, wait)

    in_deployment(work)


def _configured(settings: Settings, name: str | None) -> Endpoint | None:
    if name is None or name not in settings.endpoints:
        return None
    return endpoint_of(settings, name)


async def _try(deployment: Deployment, endpoint: Endpoint, wait: float) -> None:
    if wait <= 0:
        return
    async for said in chat_setup.try_buttons(deployment, endpoint, patience=wait):
        say(said)
