"""Sends one alert message: to a webhook, signed by the Standard Webhooks scheme, or by e-mail. When is ``alerting``'s decision."""

import contextlib
import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

from st_deltek_pipeline.connections.alert_settings import AlertSettings, EmailSettings
from st_deltek_pipeline.connections.settings import ConnectionSettings
from st_deltek_pipeline.domain.errors import (
    ConfigurationError,
    CredentialsError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.domain.standard_webhooks import signature, signing_keys
from st_deltek_pipeline.store.alerts import Message
from st_deltek_pipeline.store.vault import Vault
from st_deltek_pipeline.transport.addresses import Network
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.options import RetryPolicy, TransportOptions
from st_deltek_pipeline.transport.rate_limit import LocalRateLimiter
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.transport.session import HttpSession, Request

VAULT_SYSTEM = "alerts"
WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - a name
SMTP_USERNAME = "smtp_username"
SMTP_PASSWORD = "smtp_password"  # noqa: S105 - a name
SECRET_NAMES = (WEBHOOK_SECRET, SMTP_USERNAME, SMTP_PASSWORD)

# One attempt each: what fails is tried again later, and a look at all alerts has to end within seconds.
_SECONDS = 8.0
_ONCE = TransportOptions(
    retry=RetryPolicy(attempts=1, attempts_when_limited=1),
    connect_seconds=_SECONDS,
    read_seconds=_SECONDS,
    answer_seconds=_SECONDS,
    largest_answer=64 * 1024,
    connections=1,
)
_LONGEST_ANSWER = 200


class Channel(Protocol):
    """Somewhere that alerts are sent."""

    @property
    def name(self) -> str:
        """What the database and messages call it."""
        ...

    def send(self, message: Message, *, now: datetime) -> str:
        """Send one message, once.

        Args:
            message: What to send.
            now: The moment of this attempt.

        Returns:
            What the other side answered, without secrets.

        Raises:
            PipelineError: It did not go out, or nobody knows whether it did; sending it again does no harm.
        """
        ...


def channels_of(connection: ConnectionSettings, vault: Vault) -> tuple[Channel, ...]:
    """Build the channels that a connection's file names; nothing is opened or read before the first message.

    Args:
        connection: The connection.
        vault: Holds their secrets.
    """

    def secrets() -> Mapping[str, str]:
        if VAULT_SYSTEM not in vault.stored().get(connection.name, {}):
            return {}
        return vault.get(connection.name, VAULT_SYSTEM)

    channels: list[Channel] = []
    if connection.alerts.webhook_url is not None:
        channels.append(
            WebhookChannel(
                connection.name,
                connection.alerts,
                secrets,
                allow_insecure=connection.allow_insecure_hosts,
                networks=connection.networks,
            )
        )
    if connection.alerts.email.to:
        channels.append(EmailChannel(connection.alerts.email, secrets))
    return tuple(channels)


class WebhookChannel:
    """Posts messages to the connection's alert webhook.

    Args:
        connection: The connection's name.
        settings: The ``alerts`` of its file, with a URL.
        secrets: Reads the secrets, at each message.
        allow_insecure: Plain http, to loopback addresses only.
        networks: Private networks in which the webhook may be.
    """

    name = "webhook"

    def __init__(
        self,
        connection: str,
        settings: AlertSettings,
        secrets: Callable[[], Mapping[str, str]],
        *,
        allow_insecure: bool,
        networks: tuple[Network, ...] = (),
    ) -> None:
        self._connection = connection
        self._url = settings.webhook_url or ""
        self._hosts = settings.webhook_hosts(allow_insecure=allow_insecure, networks=networks)
        self._secrets = secrets

    def send(self, message: Message, *, now: datetime) -> str:
        """Send one message, once (``Channel.send``).

        Raises:
            CredentialsError: There is no signing secret; nothing is sent unsigned.
            PipelineError: As for ``Channel.send``.
        """
        secret = self._secrets().get(WEBHOOK_SECRET, "")
        if not secret:
            reason = f"The vault holds no secret to sign the alerts of connection {self._connection} with."
            raise CredentialsError(reason, advice=f"Run: st-deltek alerts secret {self._connection}")
        body = message.body.encode()
        timestamp = int(now.timestamp())
        parts = urlsplit(self._url)
        request = Request(
            method="POST",
            what="an alert",
            url=parts._replace(query="", fragment="").geturl(),
            query=parts.query,
            headers={
                "Content-Type": "application/json",
                "webhook-id": message.message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(signing_keys(secret), message.message_id, timestamp, body),
            },
            body=body,
        )
        http = HttpSession(
            system="The alert webhook",
            log_name=self.name,
            hosts=self._hosts,
            limiter=LocalRateLimiter(1),
            redactor=Redactor(secret, *secret.split(","), self._url),
            options=_ONCE,
        )
        with contextlib.closing(http):
            return http.call(request, _accepted)


class EmailChannel:
    """Sends messages by e-mail.

    Args:
        settings: The ``alerts.email`` of the connection's file, with recipients.
        secrets: Reads the secrets, at each message.
    """

    name = "email"

    def __init__(self, settings: EmailSettings, secrets: Callable[[], Mapping[str, str]]) -> None:
        self._settings = settings
        self._secrets = secrets

    def send(self, message: Message, *, now: datetime) -> str:
        """Send one message, once (``Channel.send``)."""
        secrets = self._secrets()
        username, password = secrets.get(SMTP_USERNAME, ""), secrets.get(SMTP_PASSWORD, "")
        redactor = Redactor(password, username)
        mail = email_of(message, self._settings, now=now)
        host = f"{self._settings.smtp_host}:{self._settings.smtp_port}"
        with _explained(host, redactor), self._connected() as client:
            if username:
                client.login(username, password)
            refused = client.send_message(mail)
        recipients = len(self._settings.to)
        if refused:
            words = "; ".join(f"{address}: {code}" for address, (code, _) in sorted(refused.items()))
            return f"accepted for {recipients - len(refused)} of {recipients} recipients (refused: {words})"
        return f"accepted for {recipients} recipient{'s' if recipients > 1 else ''}"

    @contextlib.contextmanager
    def _connected(self) -> Generator[smtplib.SMTP]:
        settings = self._settings
        context = ssl.create_default_context()
        server = (settings.smtp_host or "", settings.smtp_port)
        client = (
            smtplib.SMTP_SSL(*server, timeout=_SECONDS, context=context)
            if settings.security == "tls"
            else smtplib.SMTP(*server, timeout=_SECONDS)
        )
        # smtplib only limits each wait; a server that answers byte by byte must not hold everybody else up.
        watchdog = threading.Timer(2 * _SECONDS, _cut, [client])
        watchdog.daemon = True
        watchdog.start()
        try:
            if settings.security == "starttls":
                client.starttls(context=context)
            yield client
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
        finally:
            watchdog.cancel()
            client.close()


def email_of(message: Message, settings: EmailSettings, *, now: datetime) -> EmailMessage:
    """Write a message as an e-mail.

    Args:
        message: What to tell.
        settings: From whom, to whom.
        now: Its date.

    Returns:
        Plain text; its ``Message-ID`` is the same for every attempt.
    """
    content: Mapping[str, Any] = json.loads(message.body)
    data: Mapping[str, Any] = content["data"]
    told = str(content["type"]).removeprefix("alert.")
    mail = EmailMessage()
    sender = settings.sender or ""
    mail["From"] = sender
    mail["To"] = ", ".join(settings.to)
    mail["Subject"] = _one_line(f"[{data['connection']}] {_HEADINGS.get(told, '')}{data['title']}")
    mail["Date"] = format_datetime(now.astimezone(UTC))
    mail["Message-ID"] = f"<{message.message_id}@{sender.rpartition('@')[2] or 'localhost'}>"
    # Nobody's out-of-office note helps here (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    lines = [
        str(data["what_happened"]),
        "",
        f"What to do: {data['what_to_do']}",
        "",
        f"Connection: {data['connection']}",
        f"Cause: {data['cause']} ({data['severity']}, {told})",
        f"Since: {data['since']}",
    ]
    subjects: Sequence[str] = data["subjects"]
    if subjects:
        further = int(data["count"]) - len(subjects)
        lines.append(f"Concerns: {', '.join(subjects)}{f' and {further} more' if further > 0 else ''}")
    # Every server takes this encoding, also one that takes no 8-bit texts.
    mail.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    return mail


_HEADINGS = {"resolved": "Over: ", "reminder": "Still: ", "test": "Test: "}


def _accepted(answer: Answer) -> str:
    shown = answer.excerpt(_LONGEST_ANSWER)
    words = f"{answer.status} {shown}".strip()
    if answer.succeeded:
        return words
    message = f"The alert webhook answered {words}."
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        advice = "Check alerts.webhook_url and that both sides have the same signing secret."
        raise RefusedError(message, words=shown, status=answer.status, advice=advice)
    raise TransientError(message, advice="It is tried again.", retry_after=answer.retry_after)


@contextlib.contextmanager
def _explained(host: str, redactor: Redactor) -> Generator[None]:
    """Raise what the errors of smtplib mean, with the server's words but without secrets."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        message = f"The mail server {host} does not accept the user name or password{_said(error, redactor)}."
        raise CredentialsError(message, advice="Correct them: st-deltek alerts secret NAME") from None
    except smtplib.SMTPNotSupportedError:
        message = f"The mail server {host} does not offer what is needed: STARTTLS, or a way to log in."
        raise ConfigurationError(
            message, advice="Set alerts.email.security and smtp_port as the mail provider says."
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))
        message = f"The mail server {host} refuses every recipient ({codes})."
        raise ConfigurationError(message, advice="Check alerts.email.to and from, and who may relay there.") from None
    except smtplib.SMTPResponseException as error:
        message = f"The mail server {host} refused the alert{_said(error, redactor)}."
        raise TransientError(message, advice="It is tried again.") from None
    except ssl.SSLError as error:
        reason = type(error).__name__
        message = f"No encrypted connection with the mail server {host} came about ({reason})."
        advice = "Check alerts.email.security and smtp_port; an authority of your own is named in SSL_CERT_FILE."
        raise ConfigurationError(message, advice=advice) from None
    except UnicodeError:
        message = f"The mail server {host} was not asked: its name, the user name or the password is not plain ASCII."
        raise ConfigurationError(
            message, advice="Use a password of ASCII characters: st-deltek alerts secret NAME"
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        message = f"The mail server {host} cannot be reached, or broke off ({type(error).__name__})."
        raise TransientError(message, advice="Check alerts.email.smtp_host and smtp_port.") from None


def _said(error: smtplib.SMTPResponseException, redactor: Redactor) -> str:
    words = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
    shown = redactor.excerpt(words, _LONGEST_ANSWER)
    return f": {error.smtp_code} {shown}".rstrip()


def _cut(client: smtplib.SMTP) -> None:
    with contextlib.suppress(OSError, AttributeError):
        if client.sock is not None:
            client.sock.shutdown(socket.SHUT_RDWR)


def _one_line(text: str) -> str:
    return " ".join(text.split())
