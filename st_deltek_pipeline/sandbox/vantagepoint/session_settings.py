"""Settings: companies, periods, and what is active for the user (vantagepoint.md sections 3 and 4.8)."""

from st_deltek_pipeline.sandbox.state import Row
from st_deltek_pipeline.sandbox.vantagepoint import errors
from st_deltek_pipeline.sandbox.vantagepoint.calls import Answer, Call, list_answer, record_answer, written_answer
from st_deltek_pipeline.sandbox.vantagepoint.errors import RuleError


def get_companies(call: Call) -> Answer:
    """GET Settings/Company."""
    return list_answer(call, list(call.state.world.companies.values()), "Company")


def get_periods(call: Call) -> Answer:
    """GET Settings/Period."""
    return list_answer(call, list(call.state.world.periods.values()), "Period")


def get_active_period(call: Call) -> Answer:
    """GET Settings/ActivePeriod: the period of the user, wherever the user is logged on."""
    return record_answer(call, _period_row(call, call.state.session(call.user).period), "Period")


def set_active_period(call: Call) -> Answer:
    """PUT Settings/ActivePeriod/{YYYYPP}: for the user, so also for every other caller that is this user.

    Raises:
        RuleError: No such period, or one the role may not use.
    """
    state, asked = call.state, call.path["key"]
    period = int(asked) if asked.isascii() and asked.isdigit() else 0
    if period not in state.world.periods:
        raise RuleError(errors.does_not_exist("Period", asked))
    switches = state.switches
    if state.is_closed(period) and not (switches.closed_period_can_be_active or switches.role_processes_closed_periods):
        raise RuleError(errors.period_closed(period))
    state.set_session(call.user, period=period)
    return written_answer(call, state.world.periods[period], "Period")


def get_active_company(call: Call) -> Answer:
    """GET Settings/ActiveCompany."""
    return record_answer(call, _company_row(call, call.state.session(call.user).company), "Company")


def set_active_company(call: Call) -> Answer:
    """PUT Settings/ActiveCompany/{company}: for the user.

    Raises:
        RuleError: No such company.
    """
    company = call.path["key"]
    if company not in call.state.world.companies:
        raise RuleError(errors.does_not_exist("Company", company))
    call.state.set_session(call.user, company=company)
    return written_answer(call, call.state.world.companies[company], "Company")


def _period_row(call: Call, period: int) -> Row | None:
    return call.state.world.periods.get(period)


def _company_row(call: Call, company: str) -> Row | None:
    return call.state.world.companies.get(company)
