"""Own certificates: new ones are taken up without dropping a connection."""

import os
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.process.certificates import Pair, key_of, new_key, presented
from tests.process.client import Client, digest_of
from tests.process.server import PASSWORD, Launcher, Running, every

BIG = os.urandom(32 << 20)


def client_who_trusts(running: Running, certificate: bytes) -> Client:
    trusted = ssl.create_default_context(cadata=certificate.decode())
    return Client("localhost", running.https, "dmc/app", ("admin", PASSWORD), trusted)


def test_a_new_certificate_is_for_new_connections_and_old_ones_finish(launch: Launcher, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    old = pair.cert.read_bytes()
    running = launch(*pair.flags)
    with client_who_trusts(running, old) as puller, client_who_trusts(running, old) as uploader:
        uploader.create()
        digest = uploader.push_blob(BIG)
        content = b"x" + BIG
        upload = uploader.open(
            "PUT", f"{uploader.begin()}?digest={digest_of(content)}", Content_Length=str(len(content))
        )
        upload.send(content[:1000])
        download = puller.open("GET", f"blobs/{digest}").getresponse()
        begun = download.read(1000)
        # Twice: the second renewal doesn't wait for the connections of the first certificate.
        for _ in range(2):
            pair.renew()
            await_certificate(running, pair)
        with client_who_trusts(running, pair.cert.read_bytes()) as client:
            assert client.ask("GET", "/v2/").status == 200
        upload.send(content[1000:])
        assert uploader.answer().status == 201
        assert begun + download.read() == BIG
    assert running.stop() == 0


def test_a_client_gets_in_at_once_or_the_second_time_while_a_certificate_is_renewed(
    launch: Launcher, tmp_path: Path
) -> None:
    pair = Pair(tmp_path)
    running = launch(*pair.flags)
    seen: list[bytes] = []
    failed: list[OSError] = []
    done = threading.Event()

    def connect() -> None:
        while not done.is_set():
            try:
                seen.append(presented(running.https))
            except OSError as error:
                failed.append(error)

    connecting = [threading.Thread(target=connect) for _ in range(3)]
    for thread in connecting:
        thread.start()
    pair.renew()
    new = pair.cert.read_bytes()
    for _ in every(30):
        if seen[-200:].count(new) == 200:
            break
    done.set()
    for thread in connecting:
        thread.join()
    assert failed == []


def test_a_renewal_that_is_half_done_or_unusable_changes_nothing(launch: Launcher, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    old = pair.cert.read_bytes()
    running = launch(*pair.flags)
    pair.key.write_bytes(key_of(new_key()))
    assert shown_for_some_looks(running) == {old}
    pair.renew(ec.generate_private_key(ec.SECP521R1()))
    assert shown_for_some_looks(running) == {old}
    pair.renew()
    await_certificate(running, pair)
    assert running.stop() == 0


def shown_for_some_looks(running: Running) -> set[bytes]:
    """Return the certificates that are shown while the server looks at the files more than once."""
    shown = set()
    for _ in range(6):
        shown.add(presented(running.https))
        time.sleep(0.5)
    return shown


def await_certificate(running: Running, pair: Pair) -> None:
    """Wait until every new connection gets the new certificate: for a moment both doors are open."""
    new = pair.cert.read_bytes()
    for _ in every(30):
        if {presented(running.https) for _ in range(20)} == {new}:
            break


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_tls_before_1_2_is_refused(server: Running, version: ssl.TLSVersion) -> None:
    context = anyone()
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", server.https)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_speak_http_1_1_alone(server: Running, version: ssl.TLSVersion) -> None:
    context = anyone()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", server.https)) as plain, context.wrap_socket(plain) as safe:
        assert safe.selected_alpn_protocol() == "http/1.1"


def anyone() -> ssl.SSLContext:
    """Return the settings of a client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
