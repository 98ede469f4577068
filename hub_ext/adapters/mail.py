"""One letter to one address, over SMTP with TLS; a password never goes out without it."""

from __future__ import annotations

import os
import smtplib
import ssl
import stat
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

from hub_ext.errors import MailError, SettingsError
from hub_ext.settings import MailSettings

PORTS = {"smtps": 465, "smtp": 587, "unsafe-smtp": 25}


def send(settings: MailSettings, to: str, subject: str, text: str, *, seconds: float = 20) -> None:
    """Hands the letter to the server, within so many seconds for each of its answers.

    Raises MailError, `lasting` where another try would not help; SettingsError for a bad setting.
    """
    try:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = settings.sender, to, subject
        # No out-of-office answers to a machine.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        with _connected(settings, seconds) as server:
            if settings.username:
                server.login(settings.username, _password(settings.password_file))
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        raise MailError("The server refuses the address.", lasting=code >= 500, cause=str(code)) from error
    except smtplib.SMTPResponseException as error:
        raise MailError("The server refuses the letter.", cause=str(error.smtp_code)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise MailError("The mail server does not answer.", cause=type(error).__name__) from error
    except ValueError as error:
        raise MailError("That is no address.", lasting=True, cause="address") from error


def _connected(settings: MailSettings, seconds: float) -> smtplib.SMTP:
    parts = urlsplit(settings.server)
    if parts.scheme not in PORTS or not parts.hostname:
        raise SettingsError(
            "c.HubExt.mail has the server {server!r}.",
            advice="Use smtps://HOST:465, or smtp://HOST:587, which turns to TLS before anything is said.",
            server=settings.server,
        )
    host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    trust = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=seconds, context=trust)
    server = smtplib.SMTP(host, port, timeout=seconds)
    if parts.scheme == "smtp":
        try:
            server.starttls(context=trust)
        except BaseException:
            server.close()
            raise
    return server


def _password(path: Path | None) -> str:
    if path is None:
        raise SettingsError("c.HubExt.mail has a username and no password_file.", advice="Name the file.")
    with path.open() as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise SettingsError(
                "Others may read {path!r}, which holds a password.",
                advice="chmod 600 {path}",
                path=str(path),
            )
        return file.read().strip()
