"""Versions as tags."""

import pytest

from moorage.domain.version import parse_version


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2.3", "V0.0.0", "1.2.3-rc.1", "v1.2.3-rc1_linux", "1.0.0_build.5"])
def test_a_tag_is_a_version_with_or_without_a_v(tag: str) -> None:
    assert parse_version(tag) is not None


@pytest.mark.parametrize("tag", ["latest", "v1", "1.2", "1.2.3.4", "01.2.3", "1.2.03", "1.2.3-", "1.2.3-01", "x1.2.3"])
def test_what_is_no_whole_version_is_none(tag: str) -> None:
    assert parse_version(tag) is None


def test_versions_are_in_the_order_of_the_specification() -> None:
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    order += ["1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0-rc1", "2.0.0"]
    found = [parse_version(tag) for tag in order]
    assert None not in found
    assert found == sorted(found, key=lambda version: version or ())


def test_what_it_was_built_from_does_not_count() -> None:
    assert parse_version("v1.2.3_linux") == parse_version("1.2.3_windows")


def test_patches_are_of_one_minor() -> None:
    found = parse_version("v2.14.1-rc.1")
    assert found is not None
    assert found.line == (2, 14)
