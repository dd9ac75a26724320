"""What people are told about a setting."""

from dataclasses import dataclass

from moorage.settings.values import LONGEST_WAIT


@dataclass(frozen=True, slots=True)
class Told:
    """What a setting may be, what it is for, and its default when that needs words."""

    allowed: str
    help: str
    default: str | None = None


ADDRESS = "ADDRESS:PORT (an IPv6 address in brackets) or off"
NETWORKS = "IP addresses, or networks as 10.0.0.0/8 (a list in the file, separated by commas elsewhere)"
SECONDS = f"whole seconds, 0 to {LONGEST_WAIT}"
