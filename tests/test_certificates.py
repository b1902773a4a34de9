"""Certificates for TLS on loopback: who may read them, how long they are there, and that a handshake takes them."""

import os
import socket
import ssl
import stat
import threading

import pytest

from crossloop.supervise.certificates import Certificates, certificates, make_certificates


def client_context(made: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=made.ca)


def handshake(made: Certificates, name: str, trusted: Certificates) -> str:
    """The version that a client, which trusts *trusted* alone, agrees on with a server of *made*. Raises SSLError."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.server)
    ours, theirs = socket.socketpair()

    def accept() -> None:
        with theirs, server.wrap_socket(theirs, server_side=True, do_handshake_on_connect=False) as wrapped:
            try:
                wrapped.do_handshake()
            except (ssl.SSLError, OSError):  # the client's judgment, which the test sees there
                return

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        with ours, client_context(trusted).wrap_socket(ours, server_hostname=name) as wrapped:
            return wrapped.version() or ""
    finally:
        thread.join()


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost"])
def test_a_client_that_trusts_the_authority_takes_the_server_for_its_name(name: str) -> None:
    with certificates() as made:
        assert handshake(made, name, made).startswith("TLSv1")


def test_another_name_and_another_authority_are_refused() -> None:
    with certificates() as made, certificates() as other:
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            handshake(made, "example.org", made)
        with pytest.raises(ssl.SSLCertVerificationError, match="issuer"):
            handshake(made, "localhost", other)


def test_they_are_for_this_user_alone_and_gone_afterwards() -> None:
    with certificates() as made:
        assert sorted(made.folder.iterdir()) == [made.ca, made.server]
        if os.name == "posix":
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (made.folder, made.ca, made.server)]
            assert modes == [0o700, 0o600, 0o600]
    assert not made.folder.exists()


def test_they_are_gone_after_an_error_too() -> None:
    with pytest.raises(RuntimeError, match="within"), certificates() as made:
        raise RuntimeError("within")
    assert not made.folder.exists()


def test_made_for_another_process_they_stay_until_their_folder_is_removed() -> None:
    made = make_certificates()
    for path in (made.ca, made.server):
        path.unlink()
    made.folder.rmdir()
