"""Log lines: readable on a terminal, JSON elsewhere, the server's own and those of libraries in one shape."""

import asyncio
import logging
import select
import sys
import time
import traceback
from json.encoder import encode_basestring_ascii as quote
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "text", "json"]

FLUSH_SECONDS = 0.1
LONGEST_PATH = 1024
LONGEST_AGENT = 200
QUIET_PATHS = frozenset({"/livez", "/readyz", "/metrics"})

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROL_IN_BLOCKS = {code: text for code, text in _CONTROL.items() if chr(code) not in "\t\n"}


def configure(level: Level, form: Format, stream: TextIO | None = None) -> "RequestLog":
    """Send every log line of `level` and above to `stream` (standard error); return the log of requests beside them.

    `auto` is text on a terminal and JSON otherwise. Lines of libraries come out in the same shape.
    """
    stream = sys.stderr if stream is None else stream
    as_text = stream.isatty() if form == "auto" else form == "text"
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shape: list[Processor] = [_printable, _console(stream)] if as_text else [*_JSON]
    structlog.configure(
        processors=[*shared, *shape],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[remove, *shape], foreign_pre_chain=shared))
    logging.basicConfig(level=number, handlers=[handler], force=True)
    return RequestLog(stream, as_text=as_text, level=number)


def _ordered(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {name: event[name] for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


_JSON: tuple[Processor, ...] = (
    structlog.processors.format_exc_info,
    _ordered,
    structlog.processors.JSONRenderer(separators=(",", ":")),
)


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write control characters out: what a client sends must not move the cursor or fake a line."""
    return {name: value.translate(_CONTROL) if isinstance(value, str) else value for name, value in event.items()}


def _console(stream: TextIO) -> Processor:
    # The default shows local variables beside a traceback, and those may be secrets.
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=_write_traceback)


def _write_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    stream.write("\n" + "".join(traceback.format_exception(*exc_info)).translate(_CONTROL_IN_BLOCKS))


class RequestLog:
    """Writes a line for each request, in the shape of the other log lines but formatted by hand: it is that often.

    Lines wait at most 0.1 s for others to be written with; `close` writes the last ones.
    """

    def __init__(self, stream: TextIO, *, as_text: bool, level: int) -> None:
        self._stream = stream
        self._format = _text_line if as_text else _json_line
        self._quiet = level > logging.DEBUG
        self._silent = level > logging.INFO
        self._lines: list[str] = []
        self._millisecond = 0
        self._second = ""
        self._stamp = ""

    def __call__(
        self,
        *,
        method: str,
        path: str,
        status: int,
        seconds: float,
        bytes_sent: int,
        client: str,
        user_agent: str,
        request_id: str,
        user: str | None,
    ) -> None:
        """Add the line of a request that is over; `path` is without the query, which may hold secrets."""
        quiet = path in QUIET_PATHS
        if self._silent or (quiet and self._quiet):
            return
        if not self._lines:
            self._flush_later()
        self._lines.append(
            self._format(
                self._now(),
                "debug" if quiet else "info",
                quote(method),
                quote(path[:LONGEST_PATH]),
                status,
                seconds,
                bytes_sent,
                quote(client),
                "null" if user is None else quote(user),
                quote(user_agent[:LONGEST_AGENT]),
                request_id,
            )
        )

    def close(self) -> None:
        """Write the lines that still wait."""
        self._flush()

    def _now(self) -> str:
        now = int(time.time() * 1000)
        if now != self._millisecond:
            second, millisecond = divmod(now, 1000)
            if self._millisecond // 1000 != second:
                self._second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._millisecond = now
            self._stamp = f"{self._second}.{millisecond:03d}000Z"
        return self._stamp

    def _flush_later(self) -> None:
        asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        """Write whole lines, as many at once as a pipe takes in one piece: other processes may write to it too."""
        lines, self._lines = self._lines, []
        start, size = 0, 0
        for index, line in enumerate(lines):
            size += len(line)
            if size > select.PIPE_BUF:
                self._write(lines[start:index])
                start, size = index, len(line)
        self._write(lines[start:])

    def _write(self, lines: list[str]) -> None:
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()


def _json_line(
    now: str,
    level: str,
    method: str,
    path: str,
    status: int,
    seconds: float,
    sent: int,
    client: str,
    user: str,
    agent: str,
    request_id: str,
) -> str:
    return (
        f'{{"timestamp":"{now}","level":"{level}","event":"request","method":{method},"path":{path},"status":{status},'
        f'"seconds":{seconds:.6f},"bytes_sent":{sent},"client":{client},"user":{user},"user_agent":{agent},'
        f'"request_id":"{request_id}"}}\n'
    )


def _text_line(
    now: str,
    level: str,
    method: str,
    path: str,
    status: int,
    seconds: float,
    sent: int,
    client: str,
    user: str,
    agent: str,
    request_id: str,
) -> str:
    return (
        f"{now} [{level:<9}] request                        method={method} path={path} status={status} "
        f"seconds={seconds:.6f} bytes_sent={sent} client={client} user={user} user_agent={agent} "
        f"request_id={request_id}\n"
    )
