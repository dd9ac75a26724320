"""The server's quota: what it holds of it, for administrators and for whoever watches."""

from moorage.domain.access import Action, Caller
from moorage.services.access import Access
from moorage.services.usage_ports import ServerUsage, ServerUse


class ServerQuotaService:
    """The use cases of the quota in the settings; `quota` in bytes, None for no limit."""

    def __init__(self, usage: ServerUsage, quota: int | None, access: Access) -> None:
        self._usage = usage
        self._quota = quota
        self._access = access

    async def get(self, caller: Caller) -> ServerUse:
        """Return what the server holds of its quota, for administrators."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self.look()

    async def look(self) -> ServerUse:
        """Return it for the server itself."""
        return ServerUse(await self._usage.used(), self._quota)
