"""The authority and its certificate: kept while they serve, renewed when they do not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from hub_ext.cli.setup import authority


class Files:
    """The four files of an authority and a server."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.ca_key = folder / "ca.crt", folder / "ca.key"
        self.server, self.server_key = folder / "server.crt", folder / "server.key"

    def ensure(self, address: str = "10.212.0.1") -> bool:
        """Whether the server's certificate is a new one."""
        authority.ensure_authority(self.ca, self.ca_key, "test")
        return authority.ensure_server_certificate(
            self.server, self.server_key, self.ca, self.ca_key, address
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_kept(files: Files) -> None:
    assert files.ensure()
    before = files.ca.read_bytes()
    assert not files.ensure()
    assert files.ca.read_bytes() == before


def test_keys_are_private(files: Files) -> None:
    files.ensure()
    for key in (files.ca_key, files.server_key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_certificate_is_for_that_address_and_of_that_authority(files: Files) -> None:
    files.ensure("10.212.4.1")
    server = x509.load_pem_x509_certificate(files.server.read_bytes())
    server.verify_directly_issued_by(x509.load_pem_x509_certificate(files.ca.read_bytes()))
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["10.212.4.1"]


def test_another_address_has_another_certificate(files: Files) -> None:
    files.ensure("10.212.0.1")
    assert files.ensure("10.212.4.1")


def test_renewed_before_its_end(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "SERVER_DAYS", authority.RENEW_DAYS)
    files.ensure()
    monkeypatch.undo()
    assert files.ensure()
    assert not files.ensure()


@pytest.mark.parametrize("damaged", ["ca", "ca_key", "server", "server_key"])
def test_damaged_files_are_replaced(files: Files, damaged: str) -> None:
    files.ensure()
    getattr(files, damaged).write_text("-----BEGIN")
    assert files.ensure()
    assert not files.ensure()


def test_a_key_of_another_certificate_is_replaced(files: Files) -> None:
    files.ensure()
    files.server_key.write_bytes(files.ca_key.read_bytes())
    assert files.ensure()
