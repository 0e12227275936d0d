"""The file a new connection starts from."""

from textwrap import dedent

_STARTING_FILE = """\
    # Every key: docs/connections.md. Secrets do not belong here: st-deltek connection add {name}
    name: {name}
    start_date: 2026-10-01            # documents dated earlier are never posted

    servicetitan:
      tenant_id: 123456789            # ServiceTitan: Settings > Integrations > API Application Access

    vantagepoint:
      base_url: https://acme.deltekfirst.com/acme/api
      database: ACME                  # Vantagepoint: Integrations > API Authorization

    calendar:
      time_zone: America/Denver
      country: US
      state: CO

    # The first rule that matches a line and gives a field decides that field.
    coding:
      - name: residential plumbing
        when: {{business_unit: Plumbing - Residential}}
        give: {{wbs1: SERVICE.PLUMB, wbs2: "", wbs3: "", organization: "A0:00"}}
      - name: sales tax
        when: {{line: tax}}
        give: {{account: 231.00, section: T, tax_code: COTAX}}
      - name: everything else
        give: {{account: 401.00, section: L}}
    """


def starting_file(name: str) -> str:
    """Return a small, valid connection file to be edited.

    Args:
        name: The connection's name.
    """
    return dedent(_STARTING_FILE).format(name=name)
