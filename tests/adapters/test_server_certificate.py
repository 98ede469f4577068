"""The front's certificate: what is read of good files, and what is said of others."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub_ext.adapters import server_certificate
from hub_ext.errors import SettingsError
from hub_ext.expression.phrases import error_words
from hub_ext.services.console.words import translator
from tests.support.certificates import Authority

DAY = timedelta(days=1)
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
Files = tuple[Path, Path]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> Files:
    return authority.issue("hub", hosts=("Hub.example", "*.nb.hub.example", "192.0.2.7"), lasts=9 * DAY)


def read(files: Files) -> server_certificate.ServerCertificate:
    return server_certificate.read(*files, datetime.now(UTC))


def test_what_is_read(files: Files, authority: Authority) -> None:
    with files[0].open("ab") as chain:
        chain.write(authority.ca_file.read_bytes())
    held = read(files)
    assert held.names == ("hub.example", "*.nb.hub.example", "192.0.2.7")
    assert 8 * DAY < held.ends - datetime.now(UTC) < 9 * DAY
    assert (held.chain.encode(), held.key.encode()) == (files[0].read_bytes(), files[1].read_bytes())
    assert held.key not in repr(held)


@pytest.mark.parametrize(
    "host", ["hub.example", "HUB.example", "s1.nb.hub.example", "*.nb.hub.example", "192.0.2.7"]
)
def test_a_host_that_it_is_for(files: Files, host: str) -> None:
    assert read(files).covers(host)


@pytest.mark.parametrize(
    "host",
    [
        *("other.example", "nb.hub.example", "a.b.nb.hub.example", "*.hub.example"),
        *("example", "", "192.0.2.8"),
    ],
)
def test_a_host_that_it_is_not_for(files: Files, host: str) -> None:
    assert not read(files).covers(host)


def another_key(files: Files) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    files[1].write_bytes(key.private_bytes(PEM, PKCS8, serialization.NoEncryption()))


def locked_key(files: Files) -> None:
    key = serialization.load_pem_private_key(files[1].read_bytes(), None)
    files[1].write_bytes(key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"sesame")))


def folder(files: Files) -> None:
    files[1].unlink()
    files[1].mkdir()


def pipe(files: Files) -> None:
    files[0].unlink()
    os.mkfifo(files[0])


FAULTS: list[tuple[Callable[[Files], object], str, str]] = [
    (lambda files: files[0].unlink(), "ssl_cert.* cannot be read: No such file", "Check its name"),
    (lambda files: files[1].unlink(), "ssl_key.* cannot be read: No such file", "Check its name"),
    (folder, "ssl_key.* cannot be read: Is a directory", "Check its name"),
    (pipe, "ssl_cert.* is not a file", ""),
    (lambda files: files[1].chmod(0o640), r"ssl_key.* is open to others \(mode 640\)", "chmod 600"),
    (lambda files: files[0].write_text(""), "holds no certificate in PEM", "the two files"),
    (lambda files: files[0].write_bytes(b"\xff\x00"), "holds no certificate in PEM", "the two files"),
    (lambda files: files[1].write_text("secret words"), "holds no private key in PEM", "the key alone"),
    (locked_key, "holds no private key in PEM, or one with a passphrase", "the key alone"),
    (another_key, "is not that of the certificate", "issued together"),
]


@pytest.mark.parametrize(("spoil", "said", "advice"), FAULTS)
def test_a_fault_is_said_with_what_to_do(
    files: Files, spoil: Callable[[Files], object], said: str, advice: str
) -> None:
    spoil(files)
    with pytest.raises(SettingsError, match=said) as failed:
        read(files)
    assert advice in failed.value.advice
    assert "secret words" not in str(failed.value)
    assert failed.value.__cause__ is None or "secret words" not in str(failed.value.__cause__)


def test_what_openssl_finds_too_weak(authority: Authority) -> None:
    """Else nginx would not start, or not take it, and say so in its log alone."""
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - just that
    files = authority.issue("hub", hosts=("hub.example",), key=weak)
    with pytest.raises(SettingsError, match="cannot be used with the key"):
        read(files)


def test_one_that_is_over_or_yet_to_begin(authority: Authority) -> None:
    over = authority.issue("over", hosts=("hub.example",), lasts=-DAY)
    with pytest.raises(SettingsError, match=r"The certificate in .*over.crt ended on"):
        read(over)
    good = authority.issue("good", hosts=("hub.example",))
    with pytest.raises(SettingsError, match="begins on"):
        server_certificate.read(*good, datetime.now(UTC) - 3 * DAY)


def test_in_french(authority: Authority) -> None:
    over = authority.issue("over", hosts=("hub.example",), lasts=-DAY)
    with pytest.raises(SettingsError) as failed:
        read(over)
    words = error_words(failed.value, "fr", translator("fr"))
    assert words.fact.startswith("Le certificat de ")
    assert words.advice == "Renouvelez-le."
