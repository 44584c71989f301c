"""A certificate authority that nobody knows, and a server's certificate by it."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NAMES = ("crm.acme.example", "pbx.acme.example", "localhost")


@dataclass(frozen=True)
class PrivateCa:
    """`ca_file` is the authority's certificate; the folder has `certificate` and `key` of a server."""

    folder: Path

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def context(self) -> ssl.SSLContext:
        """For a server."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.folder / "certificate", self.folder / "key")
        return made


def make(folder: Path) -> PrivateCa:
    """Both, in the folder."""
    now, own, theirs = (
        datetime.now(UTC),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A private authority")])
    names = [x509.DNSName(name) for name in NAMES] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]

    def signed(subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType, ca: bool) -> bytes:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=2)).add_extension(extension, critical=ca)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key())
        builder = builder.add_extension(identifier, critical=False)
        if ca:
            subject_key = x509.SubjectKeyIdentifier.from_public_key(own.public_key())
            builder = builder.add_extension(subject_key, critical=False)
        return builder.sign(own, hashes.SHA256()).public_bytes(Encoding.PEM)

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAMES[0])])
    (folder / "ca.pem").write_bytes(signed(issuer, own.public_key(), x509.BasicConstraints(True, None), ca=True))
    certificate = signed(subject, theirs.public_key(), x509.SubjectAlternativeName(names), ca=False)
    (folder / "certificate").write_bytes(certificate)
    (folder / "key").write_bytes(theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return PrivateCa(folder)
