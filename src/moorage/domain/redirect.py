"""Where a client reads a blob: through this server, or by itself from the store."""

from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.network import Network, is_within


class Redirects(StrEnum):
    """What a registry says of redirects."""

    SERVER = "server"
    """As the server's settings say."""
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class RedirectRule:
    """What the server's settings say: whether clients are redirected, and from which networks (none: from any)."""

    is_on: bool = False
    networks: tuple[Network, ...] = ()

    def redirects(self, registry: Redirects, client: str) -> bool:
        """Tell whether the client at an address is redirected in a registry that says this.

        A registry may know better than the server whether, never who can reach the store.
        """
        is_on = self.is_on if registry is Redirects.SERVER else registry is Redirects.ON
        return is_on and (not self.networks or is_within(client, self.networks))
