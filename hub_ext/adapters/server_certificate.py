"""The certificate with which the front speaks TLS: the operator's own files, read and checked."""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from hub_ext.errors import SettingsError

_MOST_BYTES = 1024**2
_TOGETHER = (
    "Name the two files that were issued together; the server's own certificate comes first, then its chain."
)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The certificate with its chain and its key, as their files have them (PEM).

    `ends` is when it ends, `names` are the hosts that it is for, in lower case.
    """

    chain: str
    key: str = field(repr=False)
    ends: datetime
    names: tuple[str, ...]

    def covers(self, host: str) -> bool:
        """Whether browsers take it for that name or address; "*.HOST" is every name directly below HOST."""
        host = host.lower()
        above = host.partition(".")[2]
        return host in self.names or (bool(above) and f"*.{above}" in self.names)


def read(certificate_file: Path, key_file: Path, now: datetime) -> ServerCertificate:
    """The certificate of these files, which belong together and are valid now. Raises SettingsError."""
    chain = _text(certificate_file, "ssl_cert")
    key = _text(key_file, "ssl_key", secret=True)
    certificate = _certificate(chain, certificate_file)
    _check_pair(certificate, key, certificate_file, key_file)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        raise SettingsError(
            "The certificate in {path} begins on {begins}.",
            advice="Look at the clock of this host.",
            path=str(certificate_file),
            begins=begins.date(),
        )
    if now >= ends:
        raise SettingsError(
            "The certificate in {path} ended on {ends}.",
            advice="Renew it.",
            path=str(certificate_file),
            ends=ends.date(),
        )
    return ServerCertificate(chain, key, ends.astimezone(UTC), _names(certificate))


def _text(path: Path, trait: str, *, secret: bool = False) -> str:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(opened, "rb") as file:
            mode = os.fstat(opened).st_mode
            if not stat.S_ISREG(mode):
                raise SettingsError("{path} (c.HubExt.{trait}) is not a file.", path=str(path), trait=trait)
            if secret and mode & 0o077:
                raise SettingsError(
                    "{path} (c.HubExt.{trait}) is open to others (mode {mode}).",
                    advice="Run `chmod 600 {path}`, and have a certificate with another key issued if others "
                    "may have read it.",
                    path=str(path),
                    trait=trait,
                    mode=f"{stat.S_IMODE(mode):o}",
                )
            return file.read(_MOST_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise SettingsError(
            "{path} (c.HubExt.{trait}) cannot be read: {why}.",
            advice="Check its name and its owner.",
            path=str(path),
            trait=trait,
            why=error.strerror,
        ) from error


def _certificate(chain: str, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError as error:
        raise SettingsError(
            "{path} (c.HubExt.ssl_cert) holds no certificate in PEM.", advice=_TOGETHER, path=str(path)
        ) from error


def _check_pair(certificate: x509.Certificate, key: str, certificate_file: Path, key_file: Path) -> None:
    """Raises SettingsError for what is no key, for another one's, and for what OpenSSL finds too weak."""
    try:
        public = serialization.load_pem_private_key(key.encode(), None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # No cause: a parser's message may quote the key.
        raise SettingsError(
            "{path} (c.HubExt.ssl_key) holds no private key in PEM, or one with a passphrase.",
            advice="Write the key alone into it, as PEM; nobody is there to type a passphrase.",
            path=str(key_file),
        ) from None
    files = {"certificate": str(certificate_file), "key": str(key_file)}
    if public != certificate.public_key():
        raise SettingsError(
            "The key in {key} is not that of the certificate in {certificate}.", advice=_TOGETHER, **files
        )
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate_file, key_file, password=lambda: b""
        )
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(
            "The certificate in {certificate} cannot be used with the key in {key}: {why}.",
            advice="Have one issued that OpenSSL takes: RSA of 2048 bits or more, or ECDSA.",
            why=error.strerror or str(error),
            **files,
        ) from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()  # browsers look nowhere else
    hosts = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    return (*hosts, *(str(address) for address in names.get_values_for_type(x509.IPAddress)))
