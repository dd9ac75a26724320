"""Where a move goes: a second set of settings, of which what it does not name stays where it is."""

from pathlib import Path

import pytest

from moorage.settings import Settings, SettingsError, load
from moorage.settings.destination import is_same_database, is_same_store, load_destination
from moorage.settings.storage import BucketAddress

KEYS = {"S3_ACCESS_KEY_ID": "moorage", "S3_SECRET_ACCESS_KEY": "secret"}
BUCKET = {"STORAGE_URL": "s3://images/moorage", "S3_ENDPOINT": "http://minio:9000", **KEYS}
POSTGRES = {"DATABASE_URL": "postgresql://moorage:secret@db/moorage"}
FOLDER = {"DATA": "/srv/old"}


def source(said: dict[str, str]) -> Settings:
    return load({}, {f"MOORAGE_{name}": value for name, value in said.items()})


def destination(of: Settings, said: dict[str, str], file: Path | None = None) -> Settings:
    return load_destination(of, file, {f"MOORAGE_TO_{name}": value for name, value in said.items()})


def test_what_the_destination_does_not_name_stays_where_it_is() -> None:
    folder = source(FOLDER)
    only_rows = destination(folder, POSTGRES)
    assert (is_same_database(folder, only_rows), is_same_store(folder, only_rows)) == (False, True)
    only_blobs = destination(folder, BUCKET)
    assert (is_same_database(folder, only_blobs), is_same_store(folder, only_blobs)) == (True, False)
    everything = source({**FOLDER, **POSTGRES, **BUCKET})
    back = destination(everything, {"STORAGE_URL": "file:///srv/blobs"})
    assert back.database_url == everything.database_url
    assert back.blobs == Path("/srv/blobs")


def test_a_data_folder_of_its_own_has_all_that_is_not_named_elsewhere() -> None:
    everything = source({**FOLDER, **POSTGRES, **BUCKET})
    back = destination(everything, {"DATA": "/srv/new"})
    assert (back.database_file, back.blobs) == (Path("/srv/new/moorage.db"), Path("/srv/new/blobs"))
    half = destination(everything, {"DATA": "/srv/new", **BUCKET, "STORAGE_URL": "s3://images/other"})
    assert (half.database_file, half.blobs) == (Path("/srv/new/moorage.db"), BucketAddress("images", "other"))


def test_one_bucket_of_two_servers_is_two_buckets() -> None:
    bucket = source({**FOLDER, **BUCKET})
    there = destination(bucket, {**BUCKET, "S3_ENDPOINT": "http://other:9000"})
    assert not is_same_store(bucket, there)


def test_the_file_of_the_new_server_says_it_and_the_environment_goes_before(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    (tmp_path / "secret").write_text(POSTGRES["DATABASE_URL"] + "\n")
    file.write_text(f'data = "/srv/new"\nworkers = 4\ndatabase_url_file = "{tmp_path / "secret"}"\n')
    there = destination(source(FOLDER), {}, file)
    assert there.database_file is None
    assert there.blobs == Path("/srv/new/blobs")
    assert destination(source(FOLDER), {"DATA": "/srv/newer"}, file).blobs == Path("/srv/newer/blobs")


@pytest.mark.parametrize("said", [{}, FOLDER, {"STORAGE_URL": "file:///srv/old/blobs"}, {"WORKERS": "4"}])
def test_what_names_nothing_new_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="where everything is already"):
        destination(source(FOLDER), said)


def test_the_destination_does_not_borrow_the_secrets_of_the_source() -> None:
    with pytest.raises(SettingsError, match="needs s3_access_key_id"):
        destination(source({**FOLDER, **BUCKET}), {"STORAGE_URL": "s3://other"})
