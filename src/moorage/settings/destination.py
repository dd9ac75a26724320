"""Where `moorage move` brings things: a second set of settings, of which only what is moved counts.

They come from a file and from the environment, where each has its name after `MOORAGE_TO_`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from moorage.settings import TO, Settings, SettingsError, load

STORAGE = ("storage_url", "s3_endpoint", "s3_region", "s3_access_key_id", "s3_secret_access_key")


def load_destination(source: Settings, file: Path | None, env: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that a server at the destination will have.

    Without a `data` of its own, the destination keeps what it does not name where the source has it.
    Raises SettingsError as `load` does, and when nothing is to be moved.
    """
    try:
        said = load({"config": file}, env, TO)
    except SettingsError as error:
        # The file of settings has another flag here.
        raise SettingsError(re.sub("^--config", "--to", str(error))) from None
    kept: tuple[str, ...] = ()
    if "data" not in said.model_fields_set:
        kept = ("data",)
        if said.database_url is None:
            kept += ("database_url",)
        if said.storage_url is None:
            kept += STORAGE
    destination = said.model_copy(update={name: getattr(source, name) for name in kept})
    if is_same_database(source, destination) and is_same_store(source, destination):
        message = "the destination is where everything is already; name another one with --to FILE or MOORAGE_TO_…"
        raise SettingsError(message)
    return destination


def is_same_database(one: Settings, other: Settings) -> bool:
    """Tell whether two settings name one database."""
    if one.database_file is not None and other.database_file is not None:
        return one.database_file.resolve() == other.database_file.resolve()
    return one.database_url == other.database_url


def is_same_store(one: Settings, other: Settings) -> bool:
    """Tell whether two settings name one place for blobs."""
    if isinstance(one.blobs, Path) and isinstance(other.blobs, Path):
        return one.blobs.resolve() == other.blobs.resolve()
    return (one.blobs, one.s3_endpoint) == (other.blobs, other.s3_endpoint)
