"""Links: every one leads somewhere, and docs/web.md knows the place."""

import re
from pathlib import Path

from moorage.domain.name import Repository
from tests.ui.visitor import Visitor, attributes
from tests.ui.world import ADMIN, World

DOCS = Path(__file__).parent.parent.parent / "docs" / "web.md"
ELSEWHERE = {"/ca.crt", "/api/docs"}


def documented() -> list[re.Pattern[str]]:
    table = DOCS.read_text().partition("## Addresses")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    paths = [path for cell in cells for path in re.findall(r"`(/[^`:]*)`", cell)]
    named = (re.escape(path).replace("shop/api", "[^:@-]+").replace("dmc", "[^/-]+") for path in paths)
    return [re.compile(pattern.replace("17", "[0-9]+")) for pattern in named]


async def test_every_link_leads_to_a_page_that_is_documented(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.registry("Empty")
    await world.index("dmc/shop/api", "2.14.1", "latest")
    await world.image("dmc/app", *(f"t{place}" for place in range(60)))
    await world.image("dmc/gone", "1.0")
    await world.services.catalog.delete_repository(ADMIN, Repository("dmc", "gone"))
    await world.registry("Old")
    await world.image("old/app", "1.0")
    await world.services.registry_trash.delete(ADMIN, "old")
    known = documented()
    assert len(known) > 10
    waiting, seen, used = ["/", "/-/sign-in"], {"/", "/-/sign-in"}, set()
    while waiting:
        path = waiting.pop()
        response = await admin.get(path)
        assert response.status_code == 200, path
        plain = path.partition("?")[0]
        matching = [pattern for pattern in known if pattern.fullmatch(plain)]
        assert matching, f"{plain} is not in docs/web.md"
        used.update(matching)
        for link in attributes(response, "href"):
            target = link.partition("#")[0]
            target = plain + target if target.startswith("?") else target
            if not target or target.startswith("/-/static/") or target in ELSEWHERE | seen:
                continue
            seen.add(target)
            waiting.append(target)
    assert used == set(known)
    assert len(seen) > 20
