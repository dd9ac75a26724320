"""`moorage serve`: start the server."""

from pathlib import Path
from typing import Annotated

import typer

from moorage.cli.folder import fail
from moorage.cli.output import examples
from moorage.settings import OPTIONS, SettingsError, load

EXAMPLES = examples(
    "moorage serve",
    "moorage serve --data /srv/moorage --host-name proget",
    "moorage serve --https 0.0.0.0:443 --tls-cert proget.pem --tls-key proget.key",
)


def _option(name: str, *flags: str) -> typer.models.OptionInfo:
    option = OPTIONS[name]
    help_text = f"{option.help} [default: {option.default}; {option.variable}]"
    found: typer.models.OptionInfo = typer.Option(*(flags or (option.flag,)), help=help_text, show_default=False)
    return found


def serve(
    data: Annotated[Path | None, _option("data")] = None,
    https: Annotated[str | None, _option("https")] = None,
    http: Annotated[str | None, _option("http")] = None,
    insecure_http: Annotated[bool | None, _option("insecure_http", "--insecure-http")] = None,
    workers: Annotated[str | None, _option("workers")] = None,
    host_names: Annotated[list[str] | None, _option("host_names", "--host-name", "--host-names")] = None,
    external_url: Annotated[str | None, _option("external_url")] = None,
    trusted_proxies: Annotated[str | None, _option("trusted_proxies")] = None,
    tls_cert: Annotated[Path | None, _option("tls_cert")] = None,
    tls_key: Annotated[Path | None, _option("tls_key")] = None,
    database_url: Annotated[str | None, _option("database_url")] = None,
    storage_url: Annotated[str | None, _option("storage_url")] = None,
    s3_endpoint: Annotated[str | None, _option("s3_endpoint")] = None,
    s3_region: Annotated[str | None, _option("s3_region")] = None,
    s3_public_endpoint: Annotated[str | None, _option("s3_public_endpoint")] = None,
    redirects: Annotated[str | None, _option("redirects")] = None,
    redirect_networks: Annotated[str | None, _option("redirect_networks")] = None,
    directories: Annotated[Path | None, _option("directories")] = None,
    log_level: Annotated[str | None, _option("log_level")] = None,
    log_format: Annotated[str | None, _option("log_format")] = None,
    lease: Annotated[str | None, _option("lease")] = None,
    collect_every: Annotated[str | None, _option("collect_every")] = None,
    verify_days: Annotated[str | None, _option("verify_days")] = None,
    retention_at: Annotated[str | None, _option("retention_at")] = None,
    drain: Annotated[str | None, _option("drain")] = None,
    config: Annotated[Path | None, _option("config")] = None,
) -> None:
    """Start the server. The first start makes the data folder, a certificate and the account admin."""
    flags = {name: value for name, value in locals().items() if value}
    try:
        settings = load(flags)
    except SettingsError as error:
        fail(str(error))
    # Imported here: a wrong setting is told at once, before the whole server is loaded.
    from moorage.app.process import StartError, run  # noqa: PLC0415

    try:
        run(settings)
    except StartError as error:
        fail(str(error))
