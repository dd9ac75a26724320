"""The tab Policies: rules of retention in words, their preview, and starting them."""

import csv
import io
import re

import pytest

from moorage.domain.access import Role
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor, hidden
from tests.ui.world import ADMIN, World

POLICIES = "/dmc/-/policies"
RULE = {"name": "One newest", "of": "tags", "repositories": "app", "tags": "v* pr-*", "newest": "1", "rest": "remove"}


@pytest.fixture
async def mara(world: World, visitors: Visitors) -> Visitor:
    """Sign a maintainer in to a server with a repository of three tags."""
    await world.person("mara")
    await world.registry("DMC", mara=Role.MAINTAINER)
    for number, tag in enumerate(("v1", "v2", "latest"), 1):
        await world.image("dmc/app", tag, layers=[number * 1_000])
    visitor = visitors()
    await visitor.sign_in("mara")
    return visitor


async def add(visitor: Visitor, **fields: str) -> None:
    answer = await visitor.fill(f"{POLICIES}/rule", {**RULE, **fields})
    assert answer.status_code == 303


async def do(visitor: Visitor, rule: str, what: str) -> None:
    """Press a button of a rule."""
    form = await visitor.get(f"{POLICIES}/rule")
    csrf = hidden(form.text)["csrf"]
    answer = await visitor.post(f"{POLICIES}/retention", {"csrf": csrf, "rule": rule, "do": what})
    assert answer.status_code == 303


async def test_without_rules_everything_is_kept(mara: Visitor) -> None:
    said = await mara.read(POLICIES)
    assert "No rules: everything is kept." in said
    assert "Runs every day at 02:00 UTC." in said


async def test_a_new_rule_is_paused_until_its_preview_was_looked_at(mara: Visitor) -> None:
    await add(mara)
    said = await mara.read(POLICIES)
    assert "The rule One newest was saved" in said
    said = await mara.read(POLICIES)
    assert "In app, of tags like v* or pr-*: keep the newest. Remove the rest." in said
    assert "Paused" in said
    await do(mara, "1", "start")
    assert "Look at its preview first" in await mara.read(POLICIES)
    page = await mara.read(f"{POLICIES}/preview?rule=1")
    assert "1 of 3 tags and 0 untagged images would go" in page
    assert "Start One newest" in page
    await do(mara, "1", "start")
    await mara.read(POLICIES)
    assert "Paused" not in await mara.read(POLICIES)
    await do(mara, "1", "pause")
    await mara.read(POLICIES)
    assert "Paused" in await mara.read(POLICIES)


async def test_a_preview_shows_of_each_tag_whether_it_goes_and_why(mara: Visitor) -> None:
    await add(mara)
    said = await mara.read(f"{POLICIES}/preview?rule=1")
    assert re.search(r"v1 goes One newest Not among the 1 newest", said)
    assert re.search(r"v2 stays One newest Among the 1 newest", said)
    assert re.search(r"latest stays – No rule is about it", said)
    going = await mara.read(f"{POLICIES}/preview?rule=1&show=going")
    assert "v1" in going
    assert "latest" not in going


async def test_a_preview_is_downloaded_as_csv(mara: Visitor) -> None:
    await add(mara, name="=1+1")
    answer = await mara.get(f"{POLICIES}/preview.csv?rule=1")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = {row["tag"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert {tag: row["decision"] for tag, row in rows.items()} == {"latest": "stays", "v1": "goes", "v2": "stays"}
    assert rows["v1"]["rule"] == "'=1+1"
    assert int(rows["v1"]["bytes freed"]) > 0


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", " ", "a rule needs a name"),
        ("repositories", "A//b", "a pattern is a repository"),
        ("tags", "ü", "name 1 to 20 tags"),
        ("newest", "many", "that is no whole number"),
        ("newest", "", "a rule says what it keeps"),
        ("pulled_days", "99999", "pulled_days is a whole number"),
    ],
)
async def test_a_wrong_field_is_explained_and_all_input_kept(mara: Visitor, field: str, value: str, said: str) -> None:
    answer = await mara.fill(f"{POLICIES}/rule", {**RULE, field: value})
    assert answer.status_code == 422
    assert said in answer.text.replace(said[:1].upper() + said[1:], said)
    assert 'aria-invalid="true"' in answer.text
    assert 'value="v* pr-*"' in answer.text or field == "tags"


async def test_a_rule_is_edited_moved_and_deleted(mara: Visitor) -> None:
    await add(mara)
    await add(mara, name="Second", of="labelled")
    page = (await mara.get(f"{POLICIES}/rule?rule=2")).text
    assert 'value="Second"' in page
    await mara.fill(f"{POLICIES}/rule?rule=1", {**RULE, "name": "Renamed", "newest": "5"}, form=f"{POLICIES}/rule")
    await do(mara, "2", "up")
    await mara.read(POLICIES)
    said = await mara.read(POLICIES)
    assert said.index("Second") < said.index("Renamed")
    assert "keep the 5 newest" in said
    await do(mara, "2", "delete")
    await mara.read(POLICIES)
    assert "Second" not in await mara.read(POLICIES)


async def test_writers_see_the_rules_and_readers_do_not(world: World, mara: Visitor, visitors: Visitors) -> None:
    await add(mara)
    for name, role, status in (("wes", Role.WRITER, 200), ("rita", Role.READER, 403)):
        await world.person(name)
        await world.services.registries.set_member(ADMIN, "dmc", name, role)
        visitor = visitors()
        await visitor.sign_in(name)
        answer = await visitor.get(POLICIES)
        assert answer.status_code == status
        assert "Add rule" not in answer.text
        assert (await visitor.get(f"{POLICIES}/rule")).status_code == 403
        assert ("/dmc/-/policies" in (await visitor.get("/dmc")).text) is (status == 200)
