"""The port `Catalog`: names that contain words."""

from moorage.domain.access import Role
from moorage.domain.name import Repository
from moorage.metastore.names import BATCH
from tests.contracts.tables import Tables


async def test_names_are_found_by_words_in_them_however_many_come_before(tables: Tables) -> None:
    ann, dmc = await tables.person("ann"), await tables.registries.find("dmc")
    assert dmc is not None
    await tables.grant(dmc.id, "ann", Role.READER, "*-prod")
    await tables.grant(dmc.id, "ann", Role.READER, "web")
    await tables.many_repositories("dmc", BATCH)
    for path in ("a-shop-prod", "web", "z-shop", "zz-shop-prod"):
        await tables.image(Repository("dmc", path))

    async def found(words: str, limit: int = 10, user_id: int | None = None) -> tuple[str, ...]:
        sees_all = user_id is None
        return await tables.catalog.names(user_id, "", limit, sees_all=sees_all, words=words)

    assert await found("shop") == ("dmc/a-shop-prod", "dmc/z-shop", "dmc/zz-shop-prod")
    assert await found("shop", 2) == ("dmc/a-shop-prod", "dmc/z-shop")
    assert await found("shop", user_id=ann.id) == ("dmc/a-shop-prod", "dmc/zz-shop-prod")
    assert await found("dmc/web", user_id=ann.id) == ("dmc/web",)
    assert await found("%") == ()
    assert len(await found("dmc/", 2 * BATCH)) == BATCH + 4
