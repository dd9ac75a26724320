"""Names: what may be called what, and nothing that leads anywhere else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import (
    RESERVED,
    Image,
    Repository,
    Tag,
    address_of,
    is_digest,
    parse_image,
    parse_registry,
    parse_repository,
    parse_tag,
)
from tests.domain.refusals import refusal

DIGEST = "sha256:" + "0a" * 32

HOSTILE = [
    "",
    ".",
    "..",
    "../etc",
    "dmc/..",
    "dmc/../etc/passwd",
    "dmc/./app",
    "dmc//app",
    "/dmc/app",
    "dmc/app/",
    "dmc/%2e%2e",
    "dmc%2fapp",
    "dmc/app%00",
    "dmc/app\x00",
    "dmc/app\n",
    "dmc/app%0a",
    "dmc\\app",
    "dmc/app name",
    "dmc/-app",
    "dmc/app-",
    "dmc/.app",
    "dmc/a..b",
    "dmc/a___b",
    "dmc/a._b",
    "dmc/äpp",
    "dmc/a٣",
    "dmc/a\u200bb",
    "dmc/a\u017f",
    "DMC/app",
    "dmc/App",
    "dmc/" + "a" * 300,
    "dmc/" + "/".join("a" * 200),
]

REGISTRIES = ["DMC", "d", "a" * 64, "my-team", "my.team", "my_team", "0", "A.b-C_d", "v3", "apis", "tokens"]
NO_REGISTRIES = [
    "",
    " ",
    "a b",
    "-a",
    "a-",
    ".a",
    "a--b",
    "a__b",
    "a..b",
    "a.-b",
    "a/b",
    "a" * 65,
    "ä",
    "a٣",
    "a\n",
    "a\x00",
    "..",
    "\u212a",
]

REPOSITORIES = ["dmc/ubuntu", "dmc/team/app", "dmc/a.b_c__d---e", "my-team.x/1/2/3/4", "0/0", "dmc/" + "a" * 251]
TAGS = ["latest", "1.0", "_", "A" * 128, "v1.2.3-rc.1_x", "sha256-" + "0a" * 32 + ".sig", "1.0.0_build.5", "a..b"]
NO_TAGS = ["", ".a", "-a", "a" * 129, "a/b", "a:b", "a b", "a\n", "a\x00", "ä", "a٣", "a+b", "..", "a@b", "a%2f"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_name_is_a_repository(text: str) -> None:
    assert refusal(parse_repository, text) is ErrorCode.NAME_INVALID
    assert refusal(parse_image, text) is ErrorCode.NAME_INVALID


@pytest.mark.parametrize("text", REPOSITORIES)
def test_a_repository_is_a_registry_s_address_and_a_path(text: str) -> None:
    found = parse_repository(text)
    assert str(found) == text
    assert (found.registry, found.path) == tuple(text.split("/", 1))


def test_a_name_of_one_part_is_explained() -> None:
    with pytest.raises(MoorageError) as refused:
        parse_repository("ubuntu")
    assert refused.value.error is ErrorCode.NAME_UNKNOWN
    assert "server/registry/repository" in refused.value.message
    assert "ubuntu" in refused.value.message


@pytest.mark.parametrize("registry", ["a__b", "a--b", "a" * 65, *sorted(RESERVED)])
def test_no_repository_is_in_a_registry_that_cannot_be(registry: str) -> None:
    assert refusal(parse_repository, f"{registry}/app") is ErrorCode.NAME_UNKNOWN


@pytest.mark.parametrize("text", REGISTRIES)
def test_a_registry_s_name_is_kept_as_typed_and_its_address_can_be_pushed_to(text: str) -> None:
    assert parse_registry(text) == text
    assert parse_repository(f"{address_of(text)}/app").registry == address_of(text) == text.lower()


@pytest.mark.parametrize("text", [*NO_REGISTRIES, *sorted(RESERVED), "V2", "API", "CA.crt"])
def test_what_cannot_be_a_registry_is_refused(text: str) -> None:
    assert refusal(parse_registry, text) is ErrorCode.NAME_INVALID


@pytest.mark.parametrize("text", TAGS)
def test_a_tag_is_kept_as_it_is(text: str) -> None:
    assert parse_tag(text) == text
    assert not is_digest(text)


@pytest.mark.parametrize("text", NO_TAGS)
def test_what_cannot_be_a_tag_is_refused(text: str) -> None:
    assert refusal(parse_tag, text) is ErrorCode.TAG_INVALID


@pytest.mark.parametrize(
    ("text", "tag", "digest"),
    [
        ("dmc/team/app", None, None),
        ("dmc/team/app:1.0", "1.0", None),
        (f"dmc/team/app@{DIGEST}", None, DIGEST),
        (f"dmc/team/app:1.0@{DIGEST}", "1.0", DIGEST),
    ],
)
def test_an_image_s_name_is_taken_apart(text: str, tag: str | None, digest: str | None) -> None:
    image = parse_image(text)
    assert (image.repository, image.tag, image.digest) == (Repository("dmc", "team/app"), tag, digest)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("dmc/app:", ErrorCode.TAG_INVALID),
        ("dmc/app:-x", ErrorCode.TAG_INVALID),
        (f"dmc/app:@{DIGEST}", ErrorCode.TAG_INVALID),
        ("dmc/app@", ErrorCode.DIGEST_INVALID),
        ("dmc/app@sha256:0a", ErrorCode.DIGEST_INVALID),
        (f"dmc/app@{DIGEST}@{DIGEST}", ErrorCode.DIGEST_INVALID),
        ("proget:5443/dmc/app", ErrorCode.NAME_INVALID),
        ("app:1.0", ErrorCode.NAME_UNKNOWN),
    ],
)
def test_an_image_s_name_with_a_wrong_part_is_refused_for_that_part(text: str, error: ErrorCode) -> None:
    assert refusal(parse_image, text) is error


names = st.lists(
    st.from_regex(r"[a-z0-9]{1,9}((\.|_|__|-{1,3})[a-z0-9]{1,9}){0,2}", fullmatch=True), min_size=1, max_size=7
)
near_names = st.text("abzAZ019./-_:@%\x00\n ä", max_size=40) | st.text()


@given(names.map("/".join), st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True))
def test_what_the_grammar_says_is_accepted(path: str, tag: str) -> None:
    image = parse_image(f"dmc/{path}:{tag}@{DIGEST}")
    assert image == Image(Repository("dmc", path), Tag(tag), Digest(DIGEST))


@given(near_names)
def test_a_name_that_is_accepted_stays_below_its_folder(text: str) -> None:
    error = refusal(parse_repository, text)
    assert error in {None, ErrorCode.NAME_INVALID, ErrorCode.NAME_UNKNOWN}
    if error is None:
        assert re.fullmatch(r"[a-z0-9._/-]{3,255}", text)
        assert not {"", ".", ".."} & set(text.split("/"))


@given(near_names)
def test_any_text_is_an_image_s_name_or_is_refused_with_a_4xx(text: str) -> None:
    error = refusal(parse_image, text)
    assert error is None or 400 <= error.status < 500


@given(near_names)
def test_a_tag_is_never_a_digest_or_a_path(text: str) -> None:
    if refusal(parse_tag, text) is None:
        assert not is_digest(text)
        assert not set(text) & set("/:@%\\\x00\n")


@given(near_names)
def test_a_registry_that_is_accepted_has_an_address_of_its_own(text: str) -> None:
    if refusal(parse_registry, text) is None:
        address = address_of(text)
        assert parse_registry(address) == address
        assert address not in RESERVED
