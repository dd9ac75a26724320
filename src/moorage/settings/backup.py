"""Where backups are kept: a folder, or a bucket of which the environment says more, after `MOORAGE_BACKUP_`."""

from collections.abc import Mapping
from pathlib import Path

from moorage.settings import BACKUP, Settings, SettingsError, load
from moorage.settings.storage import parse_storage

BUCKET = "s3://"
S3 = ("s3_endpoint", "s3_region", "s3_access_key_id", "s3_secret_access_key")


def load_place(place: str, server: Settings, env: Mapping[str, str] | None = None) -> Settings:
    """Return settings whose `storage_url` is the place; what is not said of a bucket is as the server's is.

    Raises SettingsError with one line.
    """
    if not place.startswith(BUCKET):
        return Settings(storage_url=Path(place).expanduser())
    said = load({}, env, BACKUP)
    for name in sorted(said.model_fields_set.difference(S3)):
        message = f"{BACKUP}{name.upper()}: of a place for backups only {', '.join(S3)} can be said"
        raise SettingsError(message)
    try:
        address = parse_storage(place)
    except ValueError:
        raise SettingsError(f"{place} is no place for backups: name a folder, or s3://BUCKET/PREFIX") from None
    found = {name: getattr(said if name in said.model_fields_set else server, name) for name in S3}
    if not (found["s3_access_key_id"] and found["s3_secret_access_key"]):
        message = f"a bucket needs {BACKUP}S3_ACCESS_KEY_ID and {BACKUP}S3_SECRET_ACCESS_KEY (or …_FILE)"
        raise SettingsError(message)
    return said.model_copy(update={**found, "storage_url": address})
