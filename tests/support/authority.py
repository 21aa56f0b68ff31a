"""Certificates for tests and benchmarks: a CA in a folder, and leaves of it, good ones and such as must be refused.

Keys are ECDSA P-256 unless RSA is asked for (Redis' own tests and most users have RSA; an EC key takes a hundredth of the time to make).
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Leaf:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """A CA; `file` is its certificate."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {x509.random_serial_number():x}"[:40])]
        )
        certificate = (
            _begun(self._name, self._name, self._key, -1, 30)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / f"{name}.crt"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def leaf(
        self,
        name: str,
        *,
        alternatives: tuple[str, ...] = ("localhost", "127.0.0.1"),
        rsa_bits: int = 0,
        first_day: int = -1,
        last_day: int = 7,
    ) -> Leaf:
        """`name` is the common name and that of the files; days count from today, so last_day=-1 is an expired one."""
        key: Key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _begun(subject, self._name, key, first_day, last_day)
            .add_extension(x509.SubjectAlternativeName([_general(each) for each in alternatives]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        made = Leaf(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        made.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def options(self, leaf: Leaf, port: int) -> list[str]:
        """A server's command line for TLS with this leaf."""
        files = [
            "--tls-cert-file",
            str(leaf.cert),
            "--tls-key-file",
            str(leaf.key),
            "--tls-ca-cert-file",
            str(self.file),
        ]
        return ["--tls-port", str(port), *files]

    @classmethod
    def with_server(cls, folder: Path) -> tuple[Self, Leaf]:
        """A CA and a server's certificate."""
        authority = cls(folder)
        return authority, authority.leaf("server")


def _begun(subject: x509.Name, issuer: x509.Name, key: Key, first_day: int, last_day: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + first_day * _DAY - _DAY)
        .not_valid_after(now + last_day * _DAY)
    )


def _general(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
