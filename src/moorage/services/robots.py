"""Robots: accounts of programs, which have no password and sign in with access tokens only."""

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.access import Access
from moorage.services.account_ports import Robots
from moorage.services.names import check_name, is_name
from moorage.services.ports import Accounts, Check
from moorage.services.recording import recorded
from moorage.services.records import Account, AccountKind


class RobotService:
    """The use cases of robots. `registry` is the address of the registry they belong to, None for the server."""

    def __init__(self, robots: Robots, accounts: Accounts, access: Access) -> None:
        self._robots = robots
        self._accounts = accounts
        self._access = access

    async def create(self, caller: Caller, name: str, registry: str | None = None) -> Account:
        """Make a robot that may do nothing yet; raise NAME_INVALID, CONFLICT, DENIED or NOT_FOUND."""
        registry_id = await self._check(caller, registry)
        check_name(name, "robot's name")
        with recorded(caller, Change(Kind.CREATE_ROBOT, name, None, {"registry": registry}, registry)):
            return await self._robots.create(name, registry_id)

    async def list(self, caller: Caller, registry: str | None = None, *, after: str, limit: int) -> tuple[Account, ...]:
        """List robots by name, past `after`."""
        return await self._robots.page(await self._check(caller, registry), after, limit)

    async def get(self, caller: Caller, name: str, registry: str | None = None) -> Account:
        """Return a robot, or raise NOT_FOUND."""
        registry_id = await self._check(caller, registry)
        found = await self._accounts.find(name) if is_name(name) else None
        if found is not None and found.kind is AccountKind.ROBOT and found.registry_id == registry_id:
            return found
        owner = "the server" if registry is None else registry
        raise MoorageError(ErrorCode.NOT_FOUND, f"no robot of {owner} is called {name[:64]}", {"name": name[:64]})

    async def disable(
        self,
        caller: Caller,
        name: str,
        registry: str | None = None,
        *,
        disabled: bool,
        check: Check[Account] | None = None,
    ) -> Account:
        """Keep a robot out, or let it in again, unless `check` raises."""
        robot = await self.get(caller, name, registry)
        before, after = {"is_disabled": robot.is_disabled}, {"is_disabled": disabled}
        with recorded(caller, Change(Kind.CHANGE_ROBOT, name, before, after, registry)):
            await self._accounts.change(name, is_disabled=disabled, check=check)
        return await self.get(caller, name, registry)

    async def delete(
        self, caller: Caller, name: str, registry: str | None = None, check: Check[Account] | None = None
    ) -> None:
        """Delete a robot with its access tokens and roles, at once, unless `check` raises."""
        robot = await self.get(caller, name, registry)
        with recorded(caller, Change(Kind.DELETE_ROBOT, name, {"registry": registry}, None, registry)):
            await self._robots.delete(robot.id, check)

    async def _check(self, caller: Caller, registry: str | None) -> int | None:
        if registry is None:
            self._access.check_server(caller, Action.ADMINISTER_SERVER)
            return None
        return (await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, registry)).id
