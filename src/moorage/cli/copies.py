"""Where copies of damaged content are, as `--from` names it: a folder, or another registry."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from moorage.cli.remote import authorities, authorization_of, context_of, names, parse_url
from moorage.domain.errors import MoorageError
from moorage.domain.name import address_of, parse_registry
from moorage.settings.client import FROM, load_client

if TYPE_CHECKING:
    from moorage.services.verify_ports import Copies

HINT = "--from"

Source = Callable[[], AbstractAsyncContextManager["Copies"]]
"""Opens the copies; MoorageError where they can't be had."""


def copies_from(text: str, ca_file: Path | None) -> Source:
    """Return what opens the copies; wrong usage is told at once."""
    # Imported here: help and wrong usage are answered before the whole server is loaded.
    from moorage.app.stores import copies_at, copies_in  # noqa: PLC0415

    if "://" not in text:
        if ca_file is not None:
            raise typer.BadParameter("it is for a registry, not for a folder", param_hint="--from-ca-file")
        folder = copies_in(Path(text))
        return lambda: nullcontext(folder)
    scheme, _, rest = text.partition("://")
    host, _, registry = rest.partition("/")
    try:
        scheme, address = parse_url(f"{scheme}://{host}")
        wanted = address_of(parse_registry(registry.removesuffix("/"))) if registry else None
    except (ValueError, MoorageError):
        message = f"{text!r} is no folder, and not https://HOST[:PORT][/REGISTRY]"
        raise typer.BadParameter(message, param_hint=HINT) from None
    if scheme == "http" and not address.is_loopback:
        message = "over plain HTTP a password would travel readably: name it as https://"
        raise typer.BadParameter(message, param_hint=HINT)
    client, known_as = load_client(of=FROM), names(address)
    context = context_of(authorities(known_as), ca_file or client.ca_file) if scheme == "https" else None
    authorization, _ = authorization_of(client, known_as)
    return partial(copies_at, f"{scheme}://{address}", wanted, context, authorization)
