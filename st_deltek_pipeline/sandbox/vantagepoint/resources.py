"""Master data for reading: projects, organizations, accounts, banks, tax codes (section 3).

Also PSALedger, which is read the same way. Firms are in ``firms``; other master data cannot be changed in this twin.
"""

from collections.abc import Callable

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call, list_answer, record_answer
from st_deltek_pipeline.sandbox.vantagepoint.conventions import select
from st_deltek_pipeline.sandbox.vantagepoint.errors import ApiError
from st_deltek_pipeline.sandbox.vantagepoint.state import VantagepointState

_BAD_REQUEST = 400
_NOT_FOUND = 404
_LEDGER_TYPES = frozenset({"IN", "CR", "AP", "PP", "CV", "CD", "JE", "EX", "EP", "TS", "UN", "UP", "MI"})
_LEVELS = {"wbs1": 1, "wbs2": 2, "wbs3": 3}
_PARTS = 3

_Rows = Callable[[VantagepointState], dict[str, Row]]


def listed(resource: str, rows: _Rows) -> Callable[[Call], Answer]:
    """Return the handler of a list.

    Args:
        resource: The name by which fields of it are hidden.
        rows: Where its rows are.
    """

    def handler(call: Call) -> Answer:
        return list_answer(call, list(rows(call.state).values()), resource)

    return handler


def get_projects(call: Call) -> Answer:
    """GET project: one level of the work breakdown structure, chosen by ``wbstype``.

    Raises:
        ApiError: An unknown level.
    """
    wanted = call.query().parameters.get("wbstype", call.state.switches.project_list_without_wbstype).lower()
    if wanted not in {*_LEVELS, "all"}:
        raise ApiError(_BAD_REQUEST, "The parameter wbstype is not valid.")
    level = _LEVELS.get(wanted)
    projects = call.state.world.projects
    rows = [row for key, row in projects.items() if level is None or sum(map(bool, key)) == level]
    return list_answer(call, rows, "project")


def get_project(call: Call) -> Answer:
    """GET project/{WBS1} or project/{WBS1}|{WBS2}|{WBS3}."""
    parts = [part.strip() for part in call.path["key"].split("|")]
    wbs1, wbs2, wbs3 = (*parts, "", "")[:_PARTS]
    row = call.state.world.projects.get((wbs1, wbs2, wbs3)) if len(parts) <= _PARTS else None
    return record_answer(call, row, "project")


def get_employees(call: Call) -> Answer:
    """GET employee: one of them, for a role that sees any.

    Raises:
        ApiError: 403 for every other role.
    """
    call.require(allowed=call.state.switches.role_sees_employees)
    return list_answer(call, [{"Employee": "00001", "LastName": "Doe", "Status": "A"}], "employee")


def get_auto_posting(call: Call) -> Answer:
    """GET CFGAutoPosting: of every company, or of the one that ``company`` names."""
    rows = call.state.world.auto_posting
    company = call.query().parameters.get("company")
    chosen = list(rows.values()) if company is None else [rows[company]] if company in rows else []
    return list_answer(call, chosen, "CFGAutoPosting")


def get_code_table(call: Call) -> Answer:
    """GET codeTable/{name}: liability codes (where they can be read), banks, countries.

    Raises:
        ApiError: No such table.
    """
    state, name = call.state, call.path["key"].lower()
    countries = [{"Code": code, "Description": code} for code in state.switches.country_codes]
    tables = {
        state.switches.liability_code_table.lower(): list(state.world.liability_codes.values()),
        "cfgbanks": list(state.world.banks.values()),
        "fw_cfgcountry": countries,
    }
    if name not in tables:
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
    return list_answer(call, tables[name], call.path["key"])


def get_ledger(call: Call) -> Answer:
    """GET PSALedger/{TransType}: posted rows of one type.

    Raises:
        ApiError: No such type of transaction.
    """
    transtype = call.path["key"].upper()
    if transtype not in _LEDGER_TYPES:
        raise ApiError(_NOT_FOUND, errors.NOT_FOUND)
    state = call.state
    query = call.query(entry_or_ledger=True)
    lag = state.switches.ledger_lag_seconds
    rows = call.ledger.visible_rows(query, now=state.clock(), lag_seconds=lag, transtype=transtype)
    return Answer(select(rows, query, state.switches, "PSALedger"))
