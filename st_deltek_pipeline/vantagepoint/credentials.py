"""What Vantagepoint asks for to let us in. Storing it is the vault's work, using it the client's."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class VantagepointCredentials:
    """One user of one database, through one API client (vantagepoint.md section 1); its repr shows nothing.

    Attributes:
        username: An ordinary Vantagepoint user, whose role decides what we may do.
        password: That user's password.
        client_id: From Integrations > API Authorization; base64-like.
        client_secret: Generated in the same screen.
    """

    username: str = field(repr=False)
    password: str = field(repr=False)
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
