"""Groups: made, filled, and asked who is in them."""

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.access import Access
from moorage.services.account_ports import Groups
from moorage.services.names import LONGEST_NAME, check_name
from moorage.services.ports import Check
from moorage.services.recording import recorded
from moorage.services.records import Group, Mirrored

LONGEST_EXTERNAL = 1024


class GroupService:
    """The use cases of groups, all for administrators."""

    def __init__(self, groups: Groups, access: Access) -> None:
        self._groups = groups
        self._access = access

    async def create(self, caller: Caller, name: str, mirrored: Mirrored | None = None) -> Group:
        """Make a group; raise NAME_INVALID, VALUE_INVALID, CONFLICT, DENIED."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        check_name(name, "group's name")
        if mirrored is not None:
            _check_mirrored(mirrored)
        after = {"directory": mirrored.directory, "external": mirrored.external} if mirrored else None
        with recorded(caller, Change(Kind.CREATE_GROUP, name, None, after)):
            return await self._groups.create(name, mirrored)

    async def get(self, caller: Caller, name: str) -> Group:
        """Return a group, or raise NOT_FOUND."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        found = await self._groups.find(name)
        if found is None:
            raise _nothing("group", name)
        return found

    async def list(self, caller: Caller, after: str, limit: int) -> tuple[Group, ...]:
        """List groups by name, past `after`."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self._groups.page(after, limit)

    async def delete(self, caller: Caller, name: str, check: Check[Group] | None = None) -> None:
        """Delete a group with its grants, unless `check` raises, or raise NOT_FOUND."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        with recorded(caller, Change(Kind.DELETE_GROUP, name)):
            is_gone = await self._groups.delete(name, check)
        if not is_gone:
            raise _nothing("group", name)

    async def members(self, caller: Caller, name: str, after: str, limit: int) -> tuple[str, ...]:
        """List the names of a group's members past a name, or raise NOT_FOUND."""
        await self.get(caller, name)
        return await self._groups.members(name, after, limit)

    async def check_member(self, caller: Caller, name: str, user: str) -> None:
        """Raise NOT_FOUND unless an account is in a group."""
        await self.get(caller, name)
        if not await self._groups.holds(name, user):
            raise _not_in(name, user)

    async def join(self, caller: Caller, name: str, user: str, check: Check[str | None] | None = None) -> None:
        """Put an account into a group, unless `check` raises.

        Raise NOT_FOUND, CONFLICT where a directory says who is in it.
        """
        await self._check_own(caller, name)
        with recorded(caller, Change(Kind.JOIN_GROUP, name, None, {"user": user})):
            is_in = await self._groups.join(name, user, check)
        if not is_in:
            raise _nothing("person", user)

    async def leave(self, caller: Caller, name: str, user: str, check: Check[str | None] | None = None) -> None:
        """Take an account out of a group, or raise NOT_FOUND where it is not in it; see `join`."""
        await self._check_own(caller, name)
        with recorded(caller, Change(Kind.LEAVE_GROUP, name, {"user": user})):
            is_out = await self._groups.leave(name, user, check)
        if not is_out:
            raise _not_in(name, user)

    async def _check_own(self, caller: Caller, name: str) -> None:
        group = await self.get(caller, name)
        if group.mirrored is not None:
            message = f"who is in {name} is decided in the directory {group.mirrored.directory}"
            raise MoorageError(ErrorCode.CONFLICT, message, {"name": name})


def _check_mirrored(mirrored: Mirrored) -> None:
    if not 0 < len(mirrored.directory) <= LONGEST_NAME or not 0 < len(mirrored.external) <= LONGEST_EXTERNAL:
        message = f"a directory's name has 1 to {LONGEST_NAME} characters, a group's name in it 1 to {LONGEST_EXTERNAL}"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "external"})


def _not_in(name: str, user: str) -> MoorageError:
    message = f"{user[:LONGEST_NAME]} is not in {name}"
    return MoorageError(ErrorCode.NOT_FOUND, message, {"name": user[:LONGEST_NAME]})


def _nothing(noun: str, name: str) -> MoorageError:
    return MoorageError(
        ErrorCode.NOT_FOUND, f"no {noun} is called {name[:LONGEST_NAME]}", {"name": name[:LONGEST_NAME]}
    )
