"""Settings: one name each, four sources in order, and one clear line when something is wrong."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.settings import OPTIONS, Address, Settings, SettingsError, load
from moorage.settings.client import CLIENT, ClientError, load_client
from moorage.settings.storage import BucketAddress, amazon

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def refusal(flags: dict[str, object], env: dict[str, str]) -> str:
    """Return the one line the start stops with."""
    with pytest.raises(SettingsError) as caught:
        load(flags, env)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "moorage.toml"


def test_with_nothing_said_the_server_has_an_https_and_a_loopback_http_door() -> None:
    settings = load({}, {})
    assert settings.https == Address("0.0.0.0", 5443)  # noqa: S104 - the documented default
    assert settings.http == Address("127.0.0.1", 5080)
    assert settings.database_file == Path("data/moorage.db")
    assert settings.blobs == Path("data/blobs")


def test_a_flag_wins_over_the_environment_and_that_over_the_file(file: Path) -> None:
    file.write_text("workers = 2\nlease = 5\ndrain = 7\n")
    env = {"MOORAGE_CONFIG": str(file), "MOORAGE_WORKERS": "3", "MOORAGE_LEASE": "6"}
    settings = load({"workers": 4, "lease": None}, env)
    assert (settings.workers, settings.lease, settings.drain) == (4, 6, 7)


def test_the_file_named_by_the_flag_is_the_one_read(file: Path, tmp_path: Path) -> None:
    file.write_text("workers = 2\n")
    assert load({"config": file}, {"MOORAGE_CONFIG": str(tmp_path / "absent.toml")}).workers == 2


def test_trusted_proxies_are_addresses_and_networks(file: Path) -> None:
    file.write_text('trusted_proxies = ["127.0.0.1", "fd00::/8"]\n')
    from_file = load({"config": file}, {}).trusted_proxies
    assert from_file == load({}, {"MOORAGE_TRUSTED_PROXIES": "127.0.0.1, fd00::/8"}).trusted_proxies
    assert from_file == (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("fd00::/8"))
    assert load({}, {}).trusted_proxies == ()


BUCKET = {
    "MOORAGE_STORAGE_URL": "s3://bucket",
    "MOORAGE_S3_ACCESS_KEY_ID": "key",
    "MOORAGE_S3_SECRET_ACCESS_KEY": "secret",
}


def test_redirects_are_off_until_they_are_asked_for_and_then_for_all(file: Path) -> None:
    quiet = load({}, BUCKET)
    assert (quiet.redirects, quiet.redirect_networks, quiet.s3_public_endpoint) == (False, (), None)
    file.write_text('redirects = "on"\nredirect_networks = ["10.0.0.0/8"]\n')
    settings = load({"config": file}, BUCKET)
    assert (settings.redirects, settings.redirect_networks) == (True, (ipaddress.ip_network("10.0.0.0/8"),))
    assert load({"redirects": "off"}, BUCKET).redirects is False
    assert "--redirects must be on or off" in refusal({"redirects": "yes"}, BUCKET)


def test_nobody_is_redirected_to_a_folder() -> None:
    line = refusal({}, {"MOORAGE_REDIRECTS": "on"})
    assert "redirects need a bucket in storage_url" in line
    assert "MOORAGE_REDIRECTS" in line


def test_host_names_are_a_list_in_the_file_and_comma_separated_elsewhere(file: Path) -> None:
    file.write_text('host_names = ["proget", "10.0.0.7"]\n')
    from_file = load({"config": file}, {})
    from_environment = load({}, {"MOORAGE_HOST_NAMES": "proget, 10.0.0.7,proget"})
    assert from_file.host_names == from_environment.host_names == ("proget", "10.0.0.7")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load({}, {"MOORAGE_WORKERS": "", "MOORAGE_CONFIG": ""}) == load({}, {})


def test_off_closes_a_door_but_not_both() -> None:
    assert load({"https": "off"}, {}).https is None
    assert "must not both be off" in refusal({"https": "off", "http": "off"}, {})


def test_plain_http_beyond_this_machine_must_be_asked_for() -> None:
    env = {"MOORAGE_HTTP": "0.0.0.0:5080"}
    line = refusal({}, env)
    assert "loopback" in line
    assert "insecure_http" in line
    assert "MOORAGE_HTTP" in line
    assert load({"insecure_http": True}, env).http == Address("0.0.0.0", 5080)  # noqa: S104 - asked for


@pytest.mark.parametrize("address", ["[::1]:5080", "localhost:5080", "127.8.9.1:5080"])
def test_plain_http_for_this_machine_needs_no_leave(address: str) -> None:
    assert str(load({"http": address}, {}).http) == address


@pytest.mark.parametrize(
    "text", ["5443", ":5443", "::1:5443", "[1.2.3.4]:1", "host:0", "host:65536", "host:٣", "h ost:1", "on", "1.2.3:4"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refusal({}, {"MOORAGE_HTTPS": text}).startswith("MOORAGE_HTTPS must be ADDRESS:PORT")


@given(st.ip_addresses(), st.integers(1, 65_535))
def test_an_address_is_written_as_it_is_read(host: object, port: int) -> None:
    address = Address(str(host), port)
    assert Address.parse(str(address)) == address


def test_a_bad_value_is_named_with_its_source_and_what_is_allowed(file: Path) -> None:
    allowed = "must be a whole number, 1 to 64, not"
    assert refusal({"workers": 65}, {}) == f"--workers {allowed} 65"
    assert refusal({}, {"MOORAGE_WORKERS": "1_0"}) == f"MOORAGE_WORKERS {allowed} '1_0'"
    file.write_text("workers = true\n")
    assert refusal({"config": file}, {}) == f"workers in {file} {allowed} True"


def test_a_value_cannot_break_the_line_it_is_reported_on() -> None:
    line = refusal({}, {"MOORAGE_HTTPS": "a\nb\x1b" + "c" * 1000})
    assert "\x1b" not in line
    assert len(line) < 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("insecure_http", "maybe"),
        ("host_names", "a,,b"),
        ("host_names", "*.example"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "proxy.example"),
        ("trusted_proxies", "127.0.0.1,"),
        ("external_url", "proget:443"),
        ("external_url", "https://proget/path"),
        ("external_url", "https://someone@proget"),
        ("external_url", "https://proget:70000"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("lease", "-1"),
        ("drain", "315360001"),
        ("collect_every", "1.5"),
        ("storage_url", "s3://b"),
        ("storage_url", "s3://bucket/../prefix"),
        ("storage_url", "s3://bucket/pre?fix"),
        ("storage_url", "s3://Bucket"),
        ("storage_url", "gs://bucket"),
        ("s3_endpoint", "minio:9000"),
        ("s3_endpoint", "http://minio:9000/bucket"),
        ("s3_region", "eu central"),
        ("database_url", "sqlite://"),
        ("data", "a\0b"),
    ],
)
def test_no_bad_value_starts_the_server(name: str, value: str) -> None:
    assert OPTIONS[name].allowed in refusal({name: value}, {})


@pytest.mark.parametrize("url", ["https://proget", "https://PROGET:8443/", "http://[::1]:5080"])
def test_an_external_url_is_kept_without_the_last_slash(url: str) -> None:
    assert load({"external_url": url}, {}).external_url == url.removesuffix("/")


def test_an_unknown_setting_stops_the_start_and_the_nearest_one_is_suggested(file: Path) -> None:
    assert refusal({}, {"MOORAGE_HTPS": "x"}) == "MOORAGE_HTPS: there is no such setting; did you mean MOORAGE_HTTPS?"
    file.write_text("[server]\nworkers = 2\n")
    assert refusal({"config": file}, {}).startswith(f"server in {file}: there is no such setting")
    assert "no such setting" in refusal({"sparkle": 1}, {})


def test_variables_of_others_are_none_of_our_business() -> None:
    assert load({}, {"PATH": "/bin", "moorage_workers": "9"}) == load({}, {})


def test_a_file_of_settings_that_cannot_be_read_stops_the_start(file: Path) -> None:
    assert "No such file" in refusal({"config": file}, {})
    file.write_text("workers = \n")
    assert "line 1" in refusal({"config": file}, {})
    file.write_bytes(b"\xff")
    assert "not UTF-8" in refusal({"config": file}, {})
    file.write_text('config = "other.toml"\n')
    assert "cannot name another" in refusal({"config": file}, {})


def test_a_secret_can_come_from_a_file(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    env = {"MOORAGE_ADMIN_PASSWORD_FILE": str(secret)}
    password = load({}, env).admin_password
    assert password is not None
    assert password.get_secret_value() == "correct horse"
    file.write_text(f'admin_password_file = "{secret}"\n')
    assert load({"config": file}, {}).admin_password == password
    assert "keep one" in refusal({}, env | {"MOORAGE_ADMIN_PASSWORD": "x"})
    secret.write_text("\n")
    assert refusal({}, env) == f"MOORAGE_ADMIN_PASSWORD_FILE: {secret} is empty"


def test_only_secrets_have_a_file_form() -> None:
    assert "no such setting" in refusal({}, {"MOORAGE_WORKERS_FILE": "/etc/passwd"})


def test_a_secret_is_never_repeated() -> None:
    canary = "canary-7f3a"
    assert canary not in refusal({}, {"MOORAGE_DATABASE_URL": f"mysql://moorage:{canary}@db/moorage"})
    assert canary not in refusal({"admin_password": f"{canary}\0"}, {})
    assert canary not in repr(load({"admin_password": canary}, {}))


def test_an_own_certificate_needs_its_key() -> None:
    assert refusal({"tls_cert": "a.crt"}, {}).startswith("tls_cert needs tls_key too")
    assert refusal({}, {"MOORAGE_TLS_KEY": "a.key"}).startswith("tls_key needs tls_cert too")


def test_files_elsewhere_are_used_as_given() -> None:
    settings = load({"database_url": "sqlite:////srv/m.db", "storage_url": "file:///srv/blobs"}, {})
    assert settings.database_file == Path("/srv/m.db")
    assert settings.blobs == Path("/srv/blobs")


def test_a_bucket_needs_its_keys_which_can_come_from_files(tmp_path: Path) -> None:
    assert "needs s3_access_key_id and s3_secret_access_key" in refusal({"storage_url": "s3://bucket/prefix"}, {})
    secret = tmp_path / "secret"
    secret.write_text("canary-7f3a\n")
    env = {"MOORAGE_S3_ACCESS_KEY_ID": "moorage", "MOORAGE_S3_SECRET_ACCESS_KEY_FILE": str(secret)}
    settings = load({"storage_url": "s3://bucket/prefix/of/ours/", "s3_endpoint": "http://minio:9000/"}, env)
    assert settings.blobs == BucketAddress("bucket", "prefix/of/ours")
    assert settings.s3_endpoint == "http://minio:9000"
    assert settings.s3_secret_access_key is not None
    assert settings.s3_secret_access_key.get_secret_value() == "canary-7f3a"
    assert "canary-7f3a" not in repr(settings)


def test_a_bucket_without_a_server_is_amazons() -> None:
    assert amazon("eu-central-1", "bucket") == ("https://bucket.s3.eu-central-1.amazonaws.com", "")
    assert amazon("eu-central-1", "our.bucket") == ("https://s3.eu-central-1.amazonaws.com", "our.bucket")


def test_every_setting_is_documented_as_it_is() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert rows == [f"| `{row.name}` | {row.help} | {row.allowed} | {row.default} |" for row in OPTIONS.values()]


def test_every_setting_has_one_name() -> None:
    assert list(OPTIONS) == list(Settings.model_fields)
    assert OPTIONS["host_names"].flag == "--host-names"
    assert OPTIONS["host_names"].variable == "MOORAGE_HOST_NAMES"


def test_what_commands_are_told_is_no_setting_of_the_server() -> None:
    env = dict.fromkeys(CLIENT, "x")
    assert load({}, env) == load({}, {})


def test_a_command_is_told_who_asks_by_value_or_by_file(file: Path) -> None:
    file.write_text("secret\n")
    env = {"MOORAGE_SERVER": "proget", "MOORAGE_USER": "mara", "MOORAGE_PASSWORD_FILE": str(file)}
    told = load_client(env)
    assert (told.server, told.user, told.password) == ("proget", "mara", "secret")
    assert "secret" not in repr(told)
    assert load_client({"MOORAGE_TOKEN_FILE": str(file)}).token == "secret"


@pytest.mark.parametrize(
    "env",
    [
        {"MOORAGE_USER": "mara"},
        {"MOORAGE_PASSWORD": "secret"},
        {"MOORAGE_TOKEN": "secret", "MOORAGE_TOKEN_FILE": "/dev/null"},
        {"MOORAGE_TOKEN_FILE": "/nowhere"},
        {"MOORAGE_TOKEN_FILE": "/dev/null"},
    ],
)
def test_what_does_not_say_who_asks_is_refused(env: dict[str, str]) -> None:
    with pytest.raises(ClientError) as caught:
        load_client(env)
    assert "secret" not in str(caught.value)


def test_credentials_are_where_docker_and_podman_keep_them() -> None:
    home = {"HOME": "/home/mara"}
    usual = Path("/home/mara/.docker/config.json"), Path("/home/mara/.config/containers/auth.json")
    assert load_client(home).stores == usual
    moved = {**home, "DOCKER_CONFIG": "/d", "XDG_RUNTIME_DIR": "/run/1"}
    assert load_client(moved).stores == (Path("/d/config.json"), Path("/run/1/containers/auth.json"))
    assert load_client({**moved, "REGISTRY_AUTH_FILE": "/a.json"}).stores[1] == Path("/a.json")


def test_a_quota_is_a_size_or_none(file: Path) -> None:
    file.write_text('quota = "1.5 TB"\n')
    assert load({"config": file}, {}).quota == 1_500_000_000_000
    assert load({"config": file, "quota": "none"}, {}).quota is None
    assert load({}, {"MOORAGE_QUOTA": "500GB"}).quota == 500_000_000_000
    assert load({}, {}).quota is None
    file.write_text("quota = 1048576\n")
    assert load({"config": file}, {}).quota == 1_048_576
    for wrong in ("much", "0", "-1", "off"):
        assert refusal({"quota": wrong}, {}).startswith("--quota must be a size as 500GB")
    for wrong in ("0", "true", "1.5"):
        file.write_text(f"quota = {wrong}\n")
        assert refusal({"config": file}, {}).startswith(f"quota in {file} must be a size")
