"""The instance's own certificate authority, and the registry's certificate from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub_ext.cli.setup.layout import write_file, write_private

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
RENEW_DAYS = 30


def ensure_authority(certificate_file: Path, key_file: Path, name: str) -> None:
    """A certificate authority in these two files, unless one with time left is there."""
    if _serves(certificate_file, key_file):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"hub-ext {name} authority")])
    certificate = (
        _builder(subject, subject, key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(certificate_file, certificate, key_file, key)


def ensure_server_certificate(
    certificate_file: Path, key_file: Path, authority_file: Path, authority_key_file: Path, address: str
) -> bool:
    """A certificate for that IPv4 address from the authority; whether a new one was made."""
    authority = x509.load_pem_x509_certificate(authority_file.read_bytes())
    if _serves(certificate_file, key_file, address=address, issued_by=authority):
        return False
    authority_key = serialization.load_pem_private_key(authority_key_file.read_bytes(), None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    certificate = (
        _builder(subject, authority.subject, key, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    _write(certificate_file, certificate, key_file, key)
    return True


def _serves(
    certificate_file: Path,
    key_file: Path,
    *,
    address: str = "",
    issued_by: x509.Certificate | None = None,
) -> bool:
    """Whether both files are there, belong together, have time left, and name the address and issuer."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if issued_by is not None:
            certificate.verify_directly_issued_by(issued_by)
    except Exception:
        # Missing, cut short or of another authority: whatever it is, a new one replaces it.
        return False
    if certificate.public_key() != key.public_key():
        return False
    if certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=RENEW_DAYS):
        return False
    if not address:
        return True
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return IPv4Address(address) in names.get_values_for_type(x509.IPAddress)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    # An hour back: clocks of clients may be a little behind.
    start = datetime.now(UTC) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    certificate_file: Path, certificate: x509.Certificate, key_file: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(key_file, text.decode())
    write_file(certificate_file, certificate.public_bytes(serialization.Encoding.PEM).decode())
