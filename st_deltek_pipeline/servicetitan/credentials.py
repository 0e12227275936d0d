"""What ServiceTitan asks for to let us in. Storing it is the vault's work, using it the client's."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServiceTitanCredentials:
    """One app's access to one tenant (servicetitan.md section 1); its repr shows nothing.

    Attributes:
        client_id: Issued per tenant and environment.
        client_secret: Issued with the client id.
        app_key: The ``ST-App-Key`` of the app, the same in both environments.
    """

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    app_key: str = field(repr=False)
