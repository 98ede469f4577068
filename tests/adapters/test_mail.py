"""Letters go out over TLS alone, to a server that proves who it is; what it refuses is told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub_ext.adapters import mail
from hub_ext.errors import MailError, SettingsError
from hub_ext.settings import MailSettings
from tests.support.certificates import Authority
from tests.support.mail_server import MailServer

TO = "ada@hospital.example"
FROM = "hub-ext@hospital.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who signs the server's certificate."""
    return Authority(tmp_path)


@pytest.fixture
def certificate(authority: Authority) -> tuple[Path, Path]:
    """The certificate of the mail server."""
    return authority.issue("mail", hosts=("127.0.0.1",))


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """A file with the password, and no other word."""
    path = tmp_path / "password"
    path.write_text("correct horse\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def settings(authority: Authority, password: Path) -> Callable[..., MailSettings]:
    """Settings for a server on this machine."""

    def make(scheme: str, port: int, *, username: str = "hub-ext", **more: object) -> MailSettings:
        known = {"ca_file": authority.ca_file, "password_file": password} | more
        return MailSettings(f"{scheme}://127.0.0.1:{port}", FROM, username, **known)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_letter_arrives_encrypted_and_signed_in(
    certificate: tuple[Path, Path], settings: Callable[..., MailSettings], scheme: str
) -> None:
    accounts = {"hub-ext": "correct horse"}
    with MailServer(certificate, implicit=scheme == "smtps", accounts=accounts) as server:
        mail.send(settings(scheme, server.port), TO, "Une demande attend", "À lire :\nhttps://x\n")
    (letter,) = server.taken
    assert (letter.encrypted, letter.signed_in) == (True, "hub-ext")
    assert (letter.sender, letter.to) == (f"<{FROM}>", f"<{TO}>")
    assert "Subject: Une demande attend" in letter.text
    assert "Auto-Submitted: auto-generated" in letter.text


def test_a_wrong_password_is_said_without_it(
    certificate: tuple[Path, Path], settings: Callable[..., MailSettings]
) -> None:
    accounts = {"hub-ext": "another"}
    with MailServer(certificate, accounts=accounts) as server, pytest.raises(MailError) as raised:
        mail.send(settings("smtp", server.port), TO, "x", "y")
    assert (raised.value.cause, raised.value.lasting) == ("535", False)
    assert "horse" not in str(raised.value)
    assert server.taken == []


@pytest.mark.parametrize(("answer", "lasting"), [("550 no such user", True), ("451 later", False)])
def test_a_refused_address_is_told_from_a_busy_server(
    certificate: tuple[Path, Path], settings: Callable[..., MailSettings], answer: str, lasting: bool
) -> None:
    with MailServer(certificate, answer=answer) as server, pytest.raises(MailError) as raised:
        mail.send(settings("smtp", server.port, username=""), TO, "x", "y")
    assert (raised.value.lasting, raised.value.cause) == (lasting, answer[:3])


def test_nothing_goes_out_unencrypted(
    certificate: tuple[Path, Path], settings: Callable[..., MailSettings]
) -> None:
    with MailServer(certificate, offer_tls=False) as server:
        with pytest.raises(MailError, match="does not answer"):
            mail.send(settings("smtp", server.port), TO, "x", "y")
        assert server.taken == []
        mail.send(settings("unsafe-smtp", server.port, username=""), TO, "x", "y")  # as it says itself
    assert [letter.encrypted for letter in server.taken] == [False]


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_server_that_nobody_vouches_for_gets_nothing(
    certificate: tuple[Path, Path], settings: Callable[..., MailSettings], scheme: str
) -> None:
    with MailServer(certificate, implicit=scheme == "smtps") as server, pytest.raises(MailError) as raised:
        mail.send(settings(scheme, server.port, ca_file=None), TO, "x", "y")
    assert raised.value.cause == "SSLCertVerificationError"
    assert server.taken == []


def test_a_server_that_is_down_is_tried_again(settings: Callable[..., MailSettings]) -> None:
    with pytest.raises(MailError) as raised:
        mail.send(settings("smtp", 1), TO, "x", "y")
    assert not raised.value.lasting


def test_what_is_set_wrongly_is_said(settings: Callable[..., MailSettings], password: Path) -> None:
    with pytest.raises(SettingsError, match="has the server"):
        mail.send(settings("http", 25), TO, "x", "y")
    with pytest.raises(MailError) as raised:
        mail.send(settings("smtp", 1), "ada@x\nBcc: eve@x", "x", "y")
    assert raised.value.lasting


def test_a_password_that_others_may_read_is_not_used(
    certificate: tuple[Path, Path], settings: Callable[..., MailSettings], password: Path
) -> None:
    password.chmod(0o644)
    with MailServer(certificate, accounts={"hub-ext": "correct horse"}) as server:
        with pytest.raises(SettingsError, match="Others may read"):
            mail.send(settings("smtp", server.port), TO, "x", "y")
        with pytest.raises(SettingsError, match="no password_file"):
            mail.send(settings("smtp", server.port, password_file=None), TO, "x", "y")
    assert server.taken == []
