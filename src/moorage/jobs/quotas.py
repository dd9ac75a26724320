"""What registries hold of their quotas: told again and again, and said once when one is nearly full, or full."""

from collections import Counter
from collections.abc import Callable, Mapping

from moorage.domain.quota import Allowance, Level
from moorage.services.usage_ports import RegistryUsages

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
