"""A loopback SMTP server that speaks enough of RFC 5321 for a real conversation: STARTTLS, TLS, AUTH PLAIN and LOGIN."""

import base64
import ipaddress
import socketserver
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 with its key into one file; name it in SSL_CERT_FILE to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class MailServer:
    """Listens on loopback and keeps what it is sent.

    Attributes:
        mails: The bodies of accepted mails, as text.
        encrypted: For each, whether it came over TLS.
        logins: User names and passwords it was given, and whether over TLS.
        refused: Words with which the next mails are refused, after the status.
    """

    def __init__(self, *, pem: Path | None = None, tls: bool = False, users: dict[str, str] | None = None) -> None:
        self.context = None
        if pem is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(pem)
        self.tls = tls
        self.users = users or {}
        self.mails: list[str] = []
        self.encrypted: list[bool] = []
        self.logins: list[tuple[str, str, bool]] = []
        self.refused: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.owner = self
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    owner: MailServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up or do not trust us are part of the tests."""


class _Conversation(socketserver.StreamRequestHandler):
    timeout = 30
    server: _Server

    def handle(self) -> None:
        self.secure = False
        if self.server.owner.tls:
            self._encrypt()
        self._say("220 mail.test ready")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if not self._answer(verb.upper(), rest):
                return

    def finish(self) -> None:
        super().finish()
        # The server closes the socket it accepted, which TLS has taken over meanwhile.
        self.connection.close()

    def _answer(self, verb: str, rest: str) -> bool:
        owner = self.server.owner
        match verb:
            case "EHLO":
                offers = ["mail.test"]
                offers += ["STARTTLS"] if owner.context and not self.secure else []
                offers += ["AUTH PLAIN LOGIN"] if owner.users else []
                for offer in offers[:-1]:
                    self._say(f"250-{offer}")
                self._say(f"250 {offers[-1]}")
            case "STARTTLS":
                self._say("220 go ahead")
                self._encrypt()
            case "AUTH":
                self._log_in(rest)
            case "DATA":
                self._take_mail()
            case "QUIT":
                self._say("221 bye")
                return False
            case _:
                self._say("250 ok")
        return True

    def _log_in(self, rest: str) -> None:
        mechanism, _, first = rest.partition(" ")
        given = base64.b64decode(first).decode()
        if mechanism == "PLAIN":
            _, user, password = given.split("\0")
        else:
            self._say(f"334 {base64.b64encode(b'Password:').decode()}")
            user, password = given, base64.b64decode(self.rfile.readline().strip()).decode()
        self.server.owner.logins.append((user, password, self.secure))
        if self.server.owner.users.get(user) == password:
            self._say("235 welcome")
        else:
            # Some servers are so kind as to repeat what they were given.
            self._say(f"535 no such login: {user} {password}")

    def _take_mail(self) -> None:
        self._say("354 go ahead")
        lines: list[str] = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line.removeprefix("."))
        owner = self.server.owner
        if owner.refused:
            self._say(owner.refused.pop(0))
            return
        owner.mails.append("\n".join(lines))
        owner.encrypted.append(self.secure)
        self._say("250 accepted")

    def _encrypt(self) -> None:
        assert self.server.owner.context is not None
        self.connection = self.server.owner.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.secure = True

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())
