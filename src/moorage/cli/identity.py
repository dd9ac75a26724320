"""`moorage user link` and `unlink`: who in which directory has which account."""

from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.folder import Config, Data, work
from moorage.cli.output import Json, examples, say, say_json
from moorage.domain.access import Caller
from moorage.services import records

if TYPE_CHECKING:
    from moorage.app.services import Services

Name = Annotated[str, typer.Argument(help="The user name.", show_default=False)]
Directory = Annotated[str, typer.Argument(help="The directory's name in directories.toml.", show_default=False)]
Subject = Annotated[str, typer.Argument(help="What the directory knows them by, for good.", show_default=False)]

LINK_EXAMPLES = examples("moorage user link mara corp 6b1f5c1e-1d55-103f-9d0c-6f1f2a3b4c5d")
UNLINK_EXAMPLES = examples("moorage user unlink mara corp")


def link(
    name: Name,
    directory: Directory,
    subject: Subject,
    data: Data = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Let somebody a directory knows sign in to an account that exists already."""

    async def story(services: "Services", caller: Caller) -> tuple[records.LinkedIdentity, ...]:
        await services.directories.link_named(caller, name, directory, subject)
        return await services.directories.linked(caller, name)

    _tell(f"{name} is linked to {directory} now", name, work(data, config, story), as_json=as_json)


def unlink(
    name: Name, directory: Directory, data: Data = None, config: Config = None, *, as_json: Json = False
) -> None:
    """Part an account from a directory; its sessions end."""

    async def story(services: "Services", caller: Caller) -> tuple[records.LinkedIdentity, ...]:
        await services.directories.unlink(caller, name, directory)
        return await services.directories.linked(caller, name)

    _tell(f"{name} is not linked to {directory} any more", name, work(data, config, story), as_json=as_json)


def _tell(text: str, name: str, linked: tuple[records.LinkedIdentity, ...], *, as_json: bool) -> None:
    if not as_json:
        say(text)
        return
    identities = [{"directory": identity.directory, "subject": identity.subject} for identity in linked]
    say_json({"name": name, "identities": identities})
