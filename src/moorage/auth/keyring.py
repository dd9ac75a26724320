"""Which keys sign and verify now: another process, or this one, may have replaced them."""

from moorage.auth.tokens import Tokens
from moorage.services.account_ports import Keys


class Keyring:
    """Gives the tokens of the present keys."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: object = None
        self._tokens: Tokens | None = None

    async def tokens(self) -> Tokens:
        """Return what issues and reads tokens now: the same object as long as the keys are the same."""
        keys = await self._keys.every()
        if keys is not self._known:
            if self._tokens is None or keys != self._known:
                self._tokens = Tokens({key.id: key.secret for key in keys})
            self._known = keys
        assert self._tokens is not None  # noqa: S101  made from the first keys that were read
        return self._tokens
