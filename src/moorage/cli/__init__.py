"""The command line: `moorage serve`, and the commands that look after a server."""

from typing import Annotated

import typer

from moorage import __version__
from moorage.cli import (
    access,
    activity,
    backup,
    gc,
    group,
    identity,
    image,
    keys,
    move,
    pin,
    registry,
    repository,
    retention,
    robot,
    serve,
    storage,
    tag,
    token,
    trash,
    user,
    verify,
)
from moorage.cli.api import command
from moorage.cli.output import examples
from moorage.cli.trust import trust

app = typer.Typer(
    name="moorage",
    help="Private Docker and OCI container registries: many of them on one server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve", epilog=serve.EXAMPLES)(serve.serve)
app.add_typer(registry.app, name="registry")
app.add_typer(repository.app, name="repository")
app.add_typer(image.app, name="image")
app.add_typer(tag.app, name="tag")
app.add_typer(retention.app, name="retention")
app.add_typer(pin.app, name="pin")
app.add_typer(trash.app, name="trash")
command(user.app, "identities", "moorage user identities mara")(identity.identities)
command(user.app, "link", "moorage user link mara corp 6b1f5c1e-1d55-103f-9d0c-6f1f2a3b4c5d")(identity.link)
command(user.app, "unlink", "moorage user unlink mara corp")(identity.unlink)
app.add_typer(user.app, name="user")
app.add_typer(group.app, name="group")
app.add_typer(access.app, name="access")
app.add_typer(robot.app, name="robot")
app.add_typer(token.app, name="token")
app.add_typer(keys.app, name="keys")
command(app, "activity", *activity.EXAMPLES)(activity.activity)
command(app, "storage", "moorage storage", "moorage storage --json")(storage.storage)
command(app, "gc", "moorage gc", "moorage gc --data /srv/moorage --json")(gc.gc)
app.add_typer(backup.app, name="backup")
app.command("restore", epilog=backup.RESTORE_EXAMPLES)(backup.restore)
command(app, "verify", *verify.EXAMPLES)(verify.verify)
app.command("move", epilog=move.EXAMPLES)(move.move)
app.command("trust", epilog=examples("moorage trust proget:5443", "moorage trust proget:5443 --docker --dry-run"))(
    trust
)


def _say_version(asked: bool) -> None:  # noqa: FBT001  typer's callbacks are called like this
    if asked:
        typer.echo(f"moorage {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; exit 0 when done, 1 when the thing asked for failed, 2 on wrong usage."""
    app()
