"""Keys and certificates, made for one run."""

import base64
import hashlib
import subprocess
from pathlib import Path

PASSPHRASE = "a passphrase"


def _openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True)
    if done.returncode:
        raise SystemExit(f"openssl {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """A certificate authority that vouches for all vendors' hosts during one run."""

    def __init__(self, folder: Path, hosts):
        self.ca_file = folder / "ca.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        ca_key = folder / "ca.key"
        _openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=recorder authority", "-keyout", str(ca_key), "-out", str(self.ca_file),
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        request = folder / "server.csr"
        _openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=recorder",
            "-keyout", str(self.key), "-out", str(request),
        )  # fmt: skip
        names = ",".join(f"DNS:{host}" for host in sorted(hosts))
        extensions = folder / "server.ext"
        extensions.write_text(
            f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n"
            "extendedKeyUsage=serverAuth\n"
        )
        _openssl(
            "x509", "-req", "-days", "2", "-in", str(request), "-CA", str(self.ca_file),
            "-CAkey", str(ca_key), "-CAcreateserial", "-extfile", str(extensions),
            "-out", str(self.certificate),
        )  # fmt: skip


class AppKey:
    """An app's key in the formats that SDKs read, and the values that depend on it."""

    def __init__(self, folder: Path, kind: str):
        self.file = folder / f"{kind}.pem"
        self.pkcs1 = folder / f"{kind}.pkcs1.pem"
        self.encrypted = folder / f"{kind}.encrypted.pem"
        self.public = folder / f"{kind}.pub.pem"
        self.certificate = folder / f"{kind}.crt"
        self.with_certificate = folder / f"{kind}-and-certificate.pem"
        if kind == "rsa":
            parameters = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        else:
            parameters = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        _openssl("genpkey", *parameters, "-out", str(self.file))
        _openssl("pkey", "-in", str(self.file), "-traditional", "-out", str(self.pkcs1))
        _openssl(
            "pkcs8", "-topk8", "-in", str(self.file), "-passout", f"pass:{PASSPHRASE}",
            "-out", str(self.encrypted),
        )  # fmt: skip
        _openssl("pkey", "-in", str(self.file), "-pubout", "-out", str(self.public))
        _openssl(
            "req", "-x509", "-key", str(self.file), "-subj", "/CN=app", "-days", "2",
            "-out", str(self.certificate),
        )  # fmt: skip
        self.with_certificate.write_text(self.file.read_text() + self.certificate.read_text())
        for file in folder.iterdir():
            file.chmod(0o600)

    def names(self):
        """Returns the values that depend on the key, with the names that recordings have."""
        certificate = _openssl("x509", "-in", str(self.certificate), "-outform", "DER")
        public = _openssl("pkey", "-in", str(self.file), "-pubout", "-outform", "DER")

        def url(digest):
            return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

        spki = hashlib.sha256(public).digest()
        return {
            url(hashlib.sha256(certificate).digest()): "<cert_sha256>",
            url(hashlib.sha1(certificate).digest()): "<cert_sha1>",
            base64.b64encode(certificate).decode(): "<certificate>",
            base64.b64encode(spki).decode(): "<spki_sha256>",
        }
