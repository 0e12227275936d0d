"""What ``st-deltek connection check`` prints, and its exit code."""

from datetime import UTC, datetime

from st_deltek_pipeline.cli.exit_codes import ExitCode
from st_deltek_pipeline.cli.output import print_json, print_table, say, working
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.services.connection_check import check_connection
from st_deltek_pipeline.services.findings import Cause, Finding, Level
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault

# The first that applies: what must be settled first comes first.
_EXIT_CODES = {
    Cause.CREDENTIALS: ExitCode.CREDENTIALS,
    Cause.PERMISSION: ExitCode.CREDENTIALS,
    Cause.CONFIGURATION: ExitCode.CONFIGURATION,
    Cause.BROKEN: ExitCode.BROKEN,
    Cause.UNREACHABLE: ExitCode.TRY_AGAIN,
    Cause.MAPPING: ExitCode.HELD,
}


def check(settings: Settings, name: str, *, as_json: bool) -> int:
    """Check one connection and print what was found.

    Args:
        settings: The installation.
        name: The connection.
        as_json: Answer in JSON.

    Returns:
        The exit code: 0 without a problem; warnings are none.

    Raises:
        ConfigurationError: There is no such connection, or its file is wrong.
    """
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        with working(f"Asking the systems of {name} ..."):
            findings = check_connection(
                settings, connection, engine=engine, vault=open_vault(engine, settings), now=datetime.now(UTC)
            )
    finally:
        engine.dispose()
    if as_json:
        print_json(
            {
                "connection": name,
                "ok": not any(finding.level is Level.PROBLEM for finding in findings),
                "findings": [
                    {
                        "level": finding.level.value,
                        "subject": finding.subject,
                        "message": finding.message,
                        "advice": finding.advice,
                        "cause": finding.cause.value if finding.cause else None,
                    }
                    for finding in findings
                ],
            }
        )
    else:
        _print(name, findings)
    return exit_code_of_findings(findings)


def exit_code_of_findings(findings: list[Finding]) -> ExitCode:
    """Return the exit code for what was found.

    Args:
        findings: Of any level.
    """
    causes = {finding.cause for finding in findings if finding.level is Level.PROBLEM}
    return next((code for cause, code in _EXIT_CODES.items() if cause in causes), ExitCode.OK)


def _print(name: str, findings: list[Finding]) -> None:
    print_table(
        ("", "what", "found", "what to do"),
        ((finding.level.value, finding.subject, finding.message, finding.advice) for finding in findings),
        title=f"Connection {name}",
    )
    problems = sum(1 for finding in findings if finding.level is Level.PROBLEM)
    warnings = sum(1 for finding in findings if finding.level is Level.WARNING)
    say(f"Problems: {problems}. Warnings: {warnings}.")
