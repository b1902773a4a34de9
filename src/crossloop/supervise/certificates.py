"""Certificates of a TLS server on loopback, made for one run and trusted by nothing else on the machine.

`trustme` makes an authority and a certificate that it signs (keys on the curve P-256); both exist in files only as
long as they are needed. It is imported where they are made: `cryptography` takes a tenth of a second and more.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAMES = ("localhost", "127.0.0.1", "::1")
"""What the certificate is for: any of these may stand in a client's address."""
PREFIX = "crossloop-tls-"
"""How the name of each folder begins."""


@dataclass(frozen=True)
class Certificates:
    """Files of one authority and its server, as PEM (RFC 7468)."""

    folder: Path
    """Holds nothing else."""
    ca: Path
    """The authority's certificate: what a client must trust."""
    server: Path
    """The server's private key, its certificate and the chain, for `SSLContext.load_cert_chain`."""


@contextlib.contextmanager
def certificates() -> Iterator[Certificates]:
    """Certificates that are removed at the end. Raises OSError."""
    made = make_certificates()
    try:
        yield made
    finally:
        shutil.rmtree(made.folder, ignore_errors=True)


def make_certificates() -> Certificates:
    """Certificates in a folder that this user alone may enter; whoever takes them removes it. Raises OSError."""
    import trustme

    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    made = Certificates(folder, folder / "ca.pem", folder / "server.pem")
    try:
        authority = trustme.CA()
        _write(made.ca, authority.cert_pem.bytes())
        _write(made.server, authority.issue_cert(*NAMES).private_key_and_cert_chain_pem.bytes())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return made


def _write(path: Path, data: bytes) -> None:
    """Readable by this user alone from the first moment on. Raises OSError."""
    path.touch(0o600, exist_ok=False)
    path.write_bytes(data)
