"""The section ``webhooks`` of a connection file. The signing keys are secrets and in the vault."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from st_deltek_pipeline.domain.webhook_signatures import SignatureEncoding

# What HTTP allows in a header's name (RFC 9110 section 5.1).
_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"


class WebhookSettings(BaseModel):
    """Whether ServiceTitan's webhooks are received for a connection, and how they are signed (docs/webhooks.md).

    Attributes:
        signature_headers: Headers that may hold the signature; two names are seen in the wild (servicetitan.md
            section 6). In lower case, as they are compared.
        signature_encodings: How the signature may be written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    enabled: bool = False
    signature_headers: tuple[Annotated[str, Field(pattern=_HEADER_NAME)], ...] = Field(
        default=("x-servicetitan-signature", "x-st-signature"), min_length=1, max_length=8
    )
    signature_encodings: tuple[SignatureEncoding, ...] = Field(
        default=(SignatureEncoding.HEX, SignatureEncoding.BASE64), min_length=1
    )

    @field_validator("signature_headers")
    @classmethod
    def _lower_case(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.lower() for name in names)
