"""Gets Vantagepoint's access tokens: by refresh token while it is good, else by password (section 1)."""

import re
from urllib.parse import unquote, urlencode

from st_deltek_pipeline.domain.errors import CredentialsError
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.session import HttpSession, Request
from st_deltek_pipeline.transport.tokens import Token, token_of
from st_deltek_pipeline.vantagepoint.credentials import VantagepointCredentials
from st_deltek_pipeline.vantagepoint.errors import sign_in_refusal

_ENCODED_BASE64 = re.compile(r"(?:[A-Za-z0-9+/=_-]|%2[BbFf]|%3[Dd])+")


def raw_client_value(stored: str) -> str:
    """Take off an encoding that a client id or secret was stored with, so that it is encoded exactly once.

    These values are base64, which has no percent sign; some people keep the form that they saw in a URL.

    Args:
        stored: As entered.

    Returns:
        The value as Vantagepoint showed it; anything that is not URL-encoded base64 is left alone.
    """
    return unquote(stored) if "%" in stored and _ENCODED_BASE64.fullmatch(stored) else stored


class SignIn:
    """The token endpoint of one database, for one user.

    Args:
        http: Sends.
        url: ``{base_url}/token``.
        database: Its name in API Authorization.
        credentials: User and client.
        integrated: Windows or Azure AD sign-in.
    """

    def __init__(
        self, http: HttpSession, url: str, database: str, credentials: VantagepointCredentials, *, integrated: bool
    ) -> None:
        self._http = http
        self._url = url
        self._database = database
        self._credentials = credentials
        self._integrated = integrated

    def fetch(self, lapsing: Token | None) -> Token:
        """Get a token.

        Args:
            lapsing: The one to renew, if it has not been refused.

        Returns:
            A new token.

        Raises:
            CredentialsError: With Vantagepoint's own sentence.
            TransientError: It cannot be reached now.
        """
        if lapsing is not None and lapsing.refresh is not None:
            try:
                return self._ask({"grant_type": "refresh_token", "refresh_token": lapsing.refresh, **self._client()})
            except CredentialsError:
                pass  # refresh tokens end without notice (section 9); the password has the last word
        return self._ask(
            {
                "Username": self._credentials.username,
                "Password": self._credentials.password,
                "grant_type": "password",
                "Integrated": "Y" if self._integrated else "N",
                **self._client(),
            }
        )

    def _client(self) -> dict[str, str]:
        return {
            "database": self._database,
            "Client_Id": raw_client_value(self._credentials.client_id),
            "client_secret": raw_client_value(self._credentials.client_secret),
        }

    def _ask(self, form: dict[str, str]) -> Token:
        request = Request(
            "POST",
            "the sign-in",
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        return self._http.call(request, _read)


def _read(answer: Answer) -> Token:
    if not answer.succeeded:
        raise sign_in_refusal(answer)
    return token_of(answer, answer.json())
