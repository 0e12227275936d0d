"""What a connection file may say under ``alerts``: whom to tell, and after how long. Secrets are in the vault."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.domain.holds import HoldReason
from st_deltek_pipeline.transport.addresses import Network
from st_deltek_pipeline.transport.hosts import HostPolicy, is_loopback

# ASCII, and nothing that could end a header or an SMTP command.
_Address = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$")
]
_HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
_Hours = Annotated[int, Field(ge=1, le=8760)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class EmailSettings(_Model):
    """Alerts by e-mail; no recipient means none.

    Attributes:
        sender: ``from`` in the file, which is no name in Python.
        security: ``none`` for a mail server on this machine only.
    """

    # By name too, so that what ``model_dump`` gives can be read again.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, populate_by_name=True)

    to: tuple[_Address, ...] = Field(default=(), max_length=50)
    sender: _Address | None = Field(default=None, alias="from")
    smtp_host: _HostName | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"

    @model_validator(mode="after")
    def _can_be_sent(self) -> "EmailSettings":
        if self.to and (self.sender is None or self.smtp_host is None):
            message = "with recipients (to) it needs from and smtp_host as well"
            raise ValueError(message)
        if self.security == "none" and self.smtp_host is not None and not is_loopback(self.smtp_host):
            message = "security: none is for a mail server on this machine (loopback) only; use starttls or tls"
            raise ValueError(message)
        return self


class AlertSettings(_Model):
    """Whom to tell when something needs a person, and after how long (docs/alerts.md).

    Attributes:
        holds_except: Reasons that never raise an alert, however old the hold is.
        webhook_silence_hours: None means that silence is no reason to tell anybody.
        feed_lag_minutes: Likewise.
    """

    webhook_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    email: EmailSettings = EmailSettings()
    in_doubt_after_minutes: int = Field(default=15, ge=1, le=10080)
    holds_after_hours: _Hours = 48
    holds_except: tuple[HoldReason, ...] = ()
    webhook_silence_hours: _Hours | None = None
    feed_lag_minutes: Annotated[int, Field(ge=5, le=10080)] | None = 60
    remind_hours: _Hours = 24

    def webhook_hosts(self, *, allow_insecure: bool, networks: tuple[Network, ...] = ()) -> HostPolicy:
        """Say where alerts may be posted: to the host that the file names, over https.

        Args:
            allow_insecure: Plain http as well, to loopback addresses only.
            networks: Private networks in which the host may be.
        """
        try:
            host = urlsplit(self.webhook_url or "").hostname or ""
        except ValueError:
            host = ""
        return HostPolicy("alert webhook", (), (host,), allow_insecure, networks)

    def problem(self, *, allow_insecure: bool) -> str | None:
        """Say what is wrong with the URL that alerts are posted to.

        Args:
            allow_insecure: The connection allows plain http to loopback addresses.
        """
        if self.webhook_url is None:
            return None
        try:
            self.webhook_hosts(allow_insecure=allow_insecure).check(self.webhook_url)
        except ConfigurationError as error:
            return f"alerts.webhook_url: {error}"
        return None
