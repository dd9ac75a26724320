"""What is held of quotas: told again and again, and said once when a registry or the server is nearly full, or full."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from moorage.domain.quota import Allowance, Level
from moorage.services.usage_ports import RegistryUsages, ServerUse

WORSE = {Level.FREE: 0, Level.ROOM: 0, Level.WARNING: 1, Level.FULL: 2}


class QuotaWatcher:
    """Tells the numbers, and says which registry has come nearer to its quota since the last look."""

    def __init__(
        self,
        usages: RegistryUsages,
        tell: Callable[[Mapping[Level, int]], None],
        say: Callable[[str, Allowance], None],
    ) -> None:
        self._usages = usages
        self._tell = tell
        self._say = say
        self._levels: dict[str, Level] = {}

    async def watch(self) -> None:
        """Look once."""
        found = await self._usages.allowances()
        self._tell(Counter(allowance.level for allowance in found.values()))
        for address, allowance in found.items():
            if WORSE[allowance.level] > WORSE[self._levels.get(address, Level.FREE)]:
                self._say(address, allowance)
        self._levels = {address: allowance.level for address, allowance in found.items()}


class ServerQuotaWatcher:
    """Does the same for the whole server."""

    def __init__(
        self,
        look: Callable[[], Awaitable[ServerUse]],
        tell: Callable[[ServerUse], None],
        say: Callable[[Allowance], None],
    ) -> None:
        self._look = look
        self._tell = tell
        self._say = say
        self._level = Level.FREE

    async def watch(self) -> None:
        """Look once."""
        found = await self._look()
        self._tell(found)
        allowance = found.allowance
        if allowance is not None:
            if WORSE[allowance.level] > WORSE[self._level]:
                self._say(allowance)
            self._level = allowance.level
