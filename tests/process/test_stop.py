"""A stop lets what is under way finish, takes nothing new, and ends in good order."""

import fcntl
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.process.client import digest_of
from tests.process.server import Launcher, Running, every

# More than the sockets of a connection hold, so that a download is under way until it is read.
BIG = os.urandom(32 << 20)


def await_closed_doors(running: Running) -> None:
    for port in (running.https, running.http):
        for _ in every(20):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:
                # The door closed in the middle of this very knock.
                continue


def await_waiting(running: Running) -> None:
    """Return when a process of the server waits for a lock that somebody has."""
    for _ in every(20):
        locks = Path("/proc/locks").read_text()
        if any(f" -> FLOCK  ADVISORY  WRITE {pid} " in locks for pid in running.tree()):
            break


@pytest.mark.parametrize(
    ("flags", "stop"), [((), signal.SIGTERM), ((), signal.SIGINT), (("--workers", "2"), signal.SIGTERM)]
)
def test_uploads_and_downloads_under_way_finish(launch: Launcher, flags: tuple[str, ...], stop: int) -> None:
    running = launch(*flags)
    with running.client() as first:
        first.create()
        first.push_blob(BIG)
    content = b"x" + BIG
    with running.client() as uploader, running.client() as puller, running.secure_client() as safe_puller:
        upload = uploader.open(
            "PUT", f"{uploader.begin()}?digest={digest_of(content)}", Content_Length=str(len(content))
        )
        upload.send(content[: len(content) // 2])
        downloads = [client.open("GET", f"blobs/{digest_of(BIG)}").getresponse() for client in (puller, safe_puller)]
        begun = [download.read(1000) for download in downloads]
        running.signal(stop)
        await_closed_doors(running)
        upload.send(content[len(content) // 2 :])
        assert uploader.answer().status == 201
        for start, download in zip(begun, downloads, strict=True):
            assert start + download.read() == BIG
    assert running.ended() == 0
    assert "cut off" not in running.err.read_text()
    again = launch(*flags)
    with again.client() as client:
        assert client.ask("GET", f"blobs/{digest_of(content)}").body == content


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_what_takes_longer_than_the_drain_is_cut_off(launch: Launcher, flags: tuple[str, ...]) -> None:
    running = launch("--drain", "1", *flags)
    with running.client() as uploader, running.client() as puller, running.secure_client() as safe_puller:
        uploader.create()
        uploader.push_blob(BIG)
        location = uploader.begin()
        assert uploader.append(location, 0, BIG[: 4 << 20]).status == 202
        uploader.open("PATCH", location, Content_Length=str(len(BIG))).send(BIG[4 << 20 : 8 << 20])
        for client in (puller, safe_puller):
            client.open("GET", f"blobs/{digest_of(BIG)}").getresponse().read(1000)
        assert running.stop() == 0
    assert "cut off" in running.err.read_text()
    again = launch(*flags)
    with again.client() as client:
        assert client.ask("GET", location).headers["range"] == f"0-{(4 << 20) - 1}"
        assert client.append(location, 4 << 20, BIG[4 << 20 :]).status == 202
        assert client.finish(location, digest_of(BIG)).status == 201


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_server_that_waits_for_its_database_can_be_stopped(launch: Launcher, flags: tuple[str, ...]) -> None:
    launch.data.mkdir()
    with (launch.data / "moorage.lock").open("a") as held:
        # As another server does that brings the tables up to date.
        fcntl.flock(held, fcntl.LOCK_EX)
        running = launch.begin(*flags)
        await_waiting(running)
        processes = running.tree()
        assert running.stop() == 0
        for _ in every(20):
            if not any(Path(f"/proc/{pid}").exists() for pid in processes):
                break


def test_connections_at_rest_do_not_hold_up_a_stop(launch: Launcher) -> None:
    running = launch("--drain", "600")
    with running.client() as kept, running.secure_client() as kept_too:
        assert kept.ask("GET", "/v2/").status == 200
        assert kept_too.ask("GET", "/v2/").status == 200
        with (
            socket.create_connection(("127.0.0.1", running.https)),
            socket.create_connection(("127.0.0.1", running.http)),
        ):
            assert running.stop() == 0


def test_workers_end_with_the_process_that_started_them(launch: Launcher) -> None:
    running = launch("--workers", "2")
    running.process.kill()
    running.process.wait()
    await_closed_doors(running)
    assert launch("--workers", "2").stop() == 0
