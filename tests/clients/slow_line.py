"""A line to a server that lets only so much through: what makes a small push a long one."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

PIECE = 16 * 1024


@contextlib.contextmanager
def slow_line(address: str, port: int, bytes_a_second: int) -> Iterator[int]:
    """Yield the port of a door to `address:port` where each connection may send so much; answers come as they are."""
    with socket.create_server((address, 0)) as listener:
        threading.Thread(target=_accept, args=[listener, (address, port), bytes_a_second], daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, server: tuple[str, int], bytes_a_second: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_join, args=[client, server, bytes_a_second], daemon=True).start()


def _join(client: socket.socket, server: tuple[str, int], bytes_a_second: int) -> None:
    with client, socket.create_connection(server) as beyond:
        back = threading.Thread(target=_pass_on, args=[beyond, client, 0.0], daemon=True)
        back.start()
        _pass_on(client, beyond, PIECE / bytes_a_second)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket, pause: float) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
            time.sleep(pause * len(piece) / PIECE)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
