"""The front's certificate: a copy of the operator's files that nginx's own user may read, kept up to date."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from hub_ext.adapters import server_certificate
from hub_ext.adapters.server_certificate import ServerCertificate
from hub_ext.cli.setup.layout import write_file
from hub_ext.errors import SettingsError
from hub_ext.settings import Settings

CERTIFICATE_FILE, KEY_FILE = "certificate.pem", "key.pem"
_LOOK_SECONDS = 60.0


def read(settings: Settings) -> ServerCertificate | None:
    """The certificate that the settings name; None where the front speaks no TLS. Raises SettingsError."""
    if settings.ssl_cert is None or settings.ssl_key is None:
        return None
    return server_certificate.read(settings.ssl_cert, settings.ssl_key, datetime.now(UTC))


class FrontCertificate:
    """The copy in nginx's folder. Without TLS there is none."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._copied: ServerCertificate | None = None
        self._next_look = 0.0

    def copy(self) -> None:
        """Make the copy anew, or take away what an earlier run left, where the front speaks no TLS.

        Raises SettingsError where the operator's files cannot be used and none were copied before; a front
        that has died is started again with the former copy.
        """
        try:
            certificate = read(self._settings)
        except SettingsError:
            if self._copied is None:
                raise
            return
        if certificate is not None:
            self._write(certificate)
            return
        for name in (CERTIFICATE_FILE, KEY_FILE):
            (self._folder / name).unlink(missing_ok=True)

    def renew(self) -> bool:
        """Copy another certificate that the files hold by now, looking once a minute; whether there was one.

        Raises SettingsError where it cannot be used or copied.
        """
        if self._copied is None or time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + _LOOK_SECONDS
        certificate = read(self._settings)
        if certificate is None or certificate == self._copied:
            return False
        try:
            self._write(certificate)
        except OSError as error:
            # Whoever watches goes on with the former one: a full disk must not end what runs.
            raise SettingsError(
                "The certificate in {path} cannot be copied: {why}.",
                advice="Make room on the disk of the state.",
                path=str(self._settings.ssl_cert),
                why=error.strerror or str(error),
            ) from error
        return True

    def _write(self, certificate: ServerCertificate) -> None:
        uid = self._settings.front_uid
        write_file(self._folder / KEY_FILE, certificate.key, mode=0o600)
        os.chown(self._folder / KEY_FILE, uid, uid)
        write_file(self._folder / CERTIFICATE_FILE, certificate.chain)
        self._copied = certificate
        self._next_look = time.monotonic() + _LOOK_SECONDS
