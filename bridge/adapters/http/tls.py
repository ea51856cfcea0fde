"""TLS: which certificates are trusted."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

import certifi

from bridge.errors import Misconfigured, reason


def tls_context(ca: str | None = None) -> ssl.SSLContext:
    """
    Return a context that verifies certificates and names.

    Args:
        ca: A file of certificates to trust instead of the system's.

    Raises:
        Misconfigured: The file cannot be read, or holds no certificates.
    """
    if ca is None:
        return _default()
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        msg = "tls_ca holds no certificates"
    except FileNotFoundError:
        msg = "tls_ca is a file that does not exist"
    except OSError as error:
        msg = f"tls_ca cannot be read: {reason(error)}"
    raise Misconfigured(msg)


@lru_cache(maxsize=1)
def _default() -> ssl.SSLContext:
    """
    Trust what the system trusts; on a system that has no certificates, Mozilla's list.

    Made once a process: reading some 140 certificates takes 20 ms.
    """
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath or ""
    in_folder = bool(folder) and any(Path(folder).iterdir())
    if not in_folder and not context.get_ca_certs():
        context.load_verify_locations(certifi.where())
    return context
