"""
Files that settings lead to: regular ones are read, up to a size.

A pipe that nobody writes into would be waited for, and a device may have no end.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from bridge.errors import reason

#: Bytes of a `bridge.toml` or a `.env` that are read: ten thousand endpoints take half of it.
LARGEST_CONFIG = 4 * 1024 * 1024
#: Bytes of a secret's file that are read: enough for any key, and for a list of them.
LARGEST_SECRET = 64 * 1024
#: Bytes of a file for TLS: all authorities of a system take a tenth of this.
LARGEST_TLS = 4 * 1024 * 1024
#: What a store's URL can name for TLS: files, and a folder.
_TLS_CERTIFICATES = frozenset({"ssl_ca_certs", "ssl_certfile"})
_TLS_KEY = "ssl_keyfile"
_TLS_FILES = _TLS_CERTIFICATES | {_TLS_KEY}
_TLS_FOLDERS = frozenset({"ssl_ca_path"})


def read_file(path: Path, most: int) -> bytes:
    """
    Return what a regular file holds.

    Args:
        most: The bytes that it may have.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger; ``strerror`` says so.

        ValueError: The path cannot be one.
    """
    mode = path.stat().st_mode
    # Opening a folder says itself what is wrong.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(0, "it is no regular file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(0, f"it is larger than {most:,} bytes")
    return content


def why_unread(error: OSError | ValueError) -> str:
    """Return what kept a file from being read, without its name."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if not isinstance(error, OSError):
        return "it is no path"
    return reason(error)


def holds_certificates(path: Path) -> bool:
    """
    Return whether a file holds certificates in PEM.

    Raises:
        OSError: As of `read_file`.

        ValueError: As of `read_file`.
    """
    text = read_file(path, LARGEST_TLS).decode("ascii", errors="ignore")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    return True


def check_tls_file(name: str, path: str) -> None:
    """
    Check that what a part of a store's URL names can be used: a client would call it silence.

    Raises:
        ValueError: It cannot; anything else than names for TLS can.
    """
    what = "file" if name in _TLS_FILES else "folder"
    try:
        if name in _TLS_CERTIFICATES:
            is_pem = holds_certificates(Path(path))
        elif name == _TLS_KEY:
            is_pem = b"PRIVATE KEY-----" in read_file(Path(path), LARGEST_TLS)
        else:
            is_pem = True
            if name in _TLS_FOLDERS:
                next(Path(path).iterdir(), None)
    except (OSError, ValueError) as error:
        reason = why_unread(error)
        msg = f"cannot be used: the {what} named by {name} cannot be read: {reason}"
        raise ValueError(msg) from None
    if not is_pem:
        kind = "key" if name == _TLS_KEY else "certificate"
        msg = f"cannot be used: {path}, named by {name}, is not a PEM {kind}"
        raise ValueError(msg)


def _certificates(path: Path) -> Path:
    try:
        is_pem = holds_certificates(path)
    except (OSError, ValueError) as error:
        msg = f"names a file that cannot be read: {why_unread(error)}"
        raise ValueError(msg) from None
    if not is_pem:
        msg = f"names {path}, which is not a PEM certificate"
        raise ValueError(msg)
    return path


CertificateFile: TypeAlias = Annotated[Path, AfterValidator(_certificates)]
