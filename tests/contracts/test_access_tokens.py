"""The port `AccessTokens`."""

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import TokenAction
from moorage.services.records import AccessToken, Account, NewAccessToken
from tests.contracts.tables import OpenTables, Tables


async def person(tables: Tables, name: str = "ann") -> Account:
    return await tables.accounts.create(name, "hash", is_admin=False)


async def made(tables: Tables, account: Account, name: str, secret_hash: str) -> AccessToken:
    actions = frozenset({TokenAction.PULL, TokenAction.MANAGE})
    new = NewAccessToken(name, secret_hash, actions, ("dmc/*", "other/app"), 1000.0)
    return await tables.access_tokens.create(account.id, new, "root")


async def test_an_access_token_is_found_by_its_secret_s_hash_and_by_id(tables: Tables) -> None:
    ann = await person(tables)
    token = await made(tables, ann, "laptop", "aa")
    assert (token.user_id, token.name, token.created_by) == (ann.id, "laptop", "root")
    assert token.actions == {TokenAction.PULL, TokenAction.MANAGE}
    assert (token.patterns, token.expires_at, token.last_used_at) == (("dmc/*", "other/app"), 1000.0, None)
    assert await tables.access_tokens.find("aa") == await tables.access_tokens.get(token.id) == token
    assert await tables.access_tokens.find("AA") is None
    assert await tables.access_tokens.get(token.id + 1) is None


async def test_a_name_is_taken_once_for_each_account(tables: Tables) -> None:
    ann, tom = await person(tables), await person(tables, "tom")
    first = await made(tables, ann, "laptop", "aa")
    await made(tables, tom, "laptop", "bb")
    with pytest.raises(MoorageError) as refused:
        await made(tables, ann, "laptop", "cc")
    assert refused.value.error is ErrorCode.CONFLICT
    assert await tables.access_tokens.page(ann.id, "", 50) == (first,)
    assert await tables.access_tokens.find("cc") is None


async def test_nobody_s_access_token_is_not_made(tables: Tables) -> None:
    ann = await person(tables)
    gone = Account(ann.id + 1, "gone", "", is_admin=False, is_disabled=False, created_at=0)
    with pytest.raises(MoorageError) as refused:
        await made(tables, gone, "laptop", "aa")
    assert refused.value.error is ErrorCode.NOT_FOUND


async def test_access_tokens_are_listed_by_name(tables: Tables) -> None:
    ann = await person(tables)
    for number, name in enumerate(("c", "a", "b")):
        await made(tables, ann, name, str(number))
    assert [token.name for token in await tables.access_tokens.page(ann.id, "", 50)] == ["a", "b", "c"]
    assert [token.name for token in await tables.access_tokens.page(ann.id, "a", 1)] == ["b"]
    assert await tables.access_tokens.page(ann.id, "c", 50) == ()
    assert await tables.access_tokens.page(ann.id + 1, "", 50) == ()


async def test_a_deleted_access_token_is_gone_for_every_process_at_once(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    ann = await person(one)
    token = await made(one, ann, "laptop", "aa")
    assert await other.access_tokens.get(token.id) == await other.access_tokens.find("aa") == token
    assert await one.access_tokens.delete(ann.id, "laptop")
    assert await other.access_tokens.get(token.id) is None
    assert await other.access_tokens.find("aa") is None
    assert not await one.access_tokens.delete(ann.id, "laptop")


async def test_only_the_account_s_own_is_deleted(tables: Tables) -> None:
    ann, tom = await person(tables), await person(tables, "tom")
    token = await made(tables, ann, "laptop", "aa")
    assert not await tables.access_tokens.delete(tom.id, "laptop")
    assert await tables.access_tokens.get(token.id) == token


async def test_an_id_never_comes_back(tables: Tables) -> None:
    ann = await person(tables)
    first = await made(tables, ann, "laptop", "aa")
    await tables.access_tokens.delete(ann.id, "laptop")
    assert (await made(tables, ann, "laptop", "bb")).id > first.id


async def test_the_last_use_moves_forward_only(tables: Tables) -> None:
    ann = await person(tables)
    one, other = await made(tables, ann, "one", "aa"), await made(tables, ann, "other", "bb")
    await tables.access_tokens.used({one.id: 50.0, other.id: 60.0, other.id + 1: 70.0})
    await tables.access_tokens.used({one.id: 40.0, other.id: 61.0})
    await tables.access_tokens.used({})
    assert [token.last_used_at for token in await tables.access_tokens.page(ann.id, "", 50)] == [50.0, 61.0]
