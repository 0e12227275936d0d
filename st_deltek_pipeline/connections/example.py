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

    # What is moved; leave kinds out to begin with fewer: invoice, credit_memo, payment, bill, ap_credit.
    # posting:
    #   documents: [invoice, payment]

    # The first rule that matches a line and gives a field decides that field. See what is missing: connection check,
    # then rules gaps. A rule gives an account to bills and AP credits only if it names them (document).
    coding:
      - name: residential plumbing      # where a business unit's documents go, of every kind
        when: {{business_unit: Plumbing - Residential}}
        give: {{wbs1: SERVICE.PLUMB, wbs2: "", wbs3: "", organization: "A0:00"}}

      - name: sales tax                 # invoices and credit memos
        when: {{line: tax}}
        give: {{account: 231.00, section: T, tax_code: COTAX}}
      - name: revenue
        when: {{line: item}}
        give: {{account: 401.00, section: L}}

      - name: cards                     # payments: the bank their money comes to
        when: {{payment_type: [Credit Card, ACH]}}
        give: {{bank: MERCH}}
      - name: other money
        when: {{line: receipt}}
        give: {{bank: OPER}}

      - name: bought for stock          # bills and AP credits; liability, bank and terms are the vendor's own
        when: {{document: [bill, ap_credit], purpose: stock}}
        give: {{account: 131.00}}
      - name: bought for jobs, tax and freight
        when: {{document: [bill, ap_credit]}}
        give: {{account: 501.00}}
    """


def starting_file(name: str) -> str:
    """Return a small, valid connection file to be edited.

    Args:
        name: The connection's name.
    """
    return dedent(_STARTING_FILE).format(name=name)
