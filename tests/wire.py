"""What goes over a line to PostgreSQL, as its protocol has it.

A simple query is `Q`, with several statements maybe; a prepared one is parsed (`P`) once, and bound (`B`) and executed
(`E`) each time. `S`, and the end of a `Q`, is where the client waits for all answers: a round trip, which isn't counted
for what a connection prepares once, unless it is run with it.

https://www.postgresql.org/docs/15/protocol-message-formats.html
"""

from dataclasses import dataclass, field

from tests.line import Line, Watch

SIZE = 4
"""Bytes of a message's length, which counts itself."""

STARTUP = 196608
"""What a connection begins with at last, after asking for encryption maybe; neither has a letter."""


@dataclass
class Wire:
    """What was sent since `clear`: each statement's SQL, and round trips; and bytes there and back."""

    statements: list[str] = field(default_factory=list)
    round_trips: int = 0
    sent: int = 0
    received: int = 0

    def clear(self) -> None:
        """Begin to count."""
        self.statements.clear()
        self.round_trips = self.sent = self.received = 0

    def watch(self, line: Line) -> None:
        """Watch the connections of a line that begin from now on."""
        line.watch = lambda: (self._connection(), self._receive)

    def _connection(self) -> Watch:
        messages = _Messages(self)

        def see(piece: bytes) -> None:
            self.sent += len(piece)
            messages.take(piece)

        return see

    def _receive(self, piece: bytes) -> None:
        self.received += len(piece)


class _Messages:
    """One connection's messages to the server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._rest = b""
        self._has_begun = False
        self._prepared: dict[bytes, str] = {}
        self._bound = ""
        self._is_preparing = False

    def take(self, piece: bytes) -> None:
        self._rest += piece
        while (length := self._length()) and len(self._rest) >= length:
            message, self._rest = self._rest[:length], self._rest[length:]
            if self._has_begun:
                self._note(message[:1], message[1 + SIZE :])
            else:
                self._has_begun = int.from_bytes(message[SIZE : 2 * SIZE], "big") == STARTUP

    def _length(self) -> int:
        """Return the bytes of the next message, 0 where that isn't known yet."""
        letter = 1 if self._has_begun else 0
        head = self._rest[letter : letter + SIZE]
        return letter + int.from_bytes(head, "big") if len(head) == SIZE else 0

    def _note(self, letter: bytes, body: bytes) -> None:
        wire = self._wire
        if letter == b"Q":
            wire.statements += [part.strip() for part in body.rstrip(b"\0").decode().split(";") if part.strip()]
        elif letter == b"P":
            name, sql, _ = body.split(b"\0", 2)
            self._prepared[name] = sql.decode()
            self._is_preparing = True
        elif letter == b"B":
            self._bound = self._prepared[body.split(b"\0", 2)[1]]
        elif letter == b"E":
            wire.statements.append(self._bound)
            self._is_preparing = False
        if letter in {b"Q", b"S"}:
            wire.round_trips += not self._is_preparing
            self._is_preparing = False
