"""What a server needs before it may listen: a token and TLS beyond loopback. Knows no server."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from inspectd.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain and its private key, PEM."""

    chain: bytes
    key: bytes


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect. An empty or wildcard host is every interface."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_token(section: str, host: str, token: str) -> None:
    """Raises Misconfigured for a host that others can reach while no token is set."""
    if not token and not is_loopback(host):
        variable = f"INSPECTD_{section.upper()}__TOKEN"
        raise Misconfigured(
            f"{section}.token", f"{section}.host {host!r} can be reached by others and no token is set",
            f"Set {variable}, or {section}.host to 127.0.0.1",
        )  # fmt: skip


def require_tls(section: str, host: str, certificate: Path | None) -> None:
    """Raises Misconfigured for a host that others can reach without TLS."""
    if certificate is None and not is_loopback(host):
        variable = f"INSPECTD_{section.upper()}__TLS_CERTIFICATE"
        raise Misconfigured(
            f"{section}.tls_certificate", f"{section}.host {host!r} can be reached by others and TLS is off",
            f"Set {variable} and …__TLS_KEY to PEM files, or {section}.host to 127.0.0.1",
        )  # fmt: skip


def load_certificate(section: str, certificate: Path | None, key: Path | None) -> Certificate | None:
    """Both files, or None when neither is set. Raises Misconfigured when one is missing or does not fit."""
    if certificate is None and key is None:
        return None
    chain_file = _set(f"{section}.tls_certificate", certificate)
    key_file = _set(f"{section}.tls_key", key)
    loaded = Certificate(_read(f"{section}.tls_certificate", chain_file), _read(f"{section}.tls_key", key_file))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain_file, key_file)
    except ssl.SSLError as error:
        raise Misconfigured(
            f"{section}.tls_certificate", f"{certificate} and {key} are no certificate with its key ({error.reason})",
            "Give PEM files that belong together",
        ) from error  # fmt: skip
    return loaded


def _set(setting: str, file: Path | None) -> Path:
    if file is None:
        raise Misconfigured(setting, "it is not set and its partner is", "Set both, or neither")
    return file.expanduser()


def _read(setting: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Misconfigured(setting, f"{file} cannot be read ({error.strerror})", "Give a PEM file") from error
