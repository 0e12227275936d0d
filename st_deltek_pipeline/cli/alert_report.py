"""What ``st-deltek alerts list``, ``test`` and ``check-journal`` do and print."""

from datetime import UTC, datetime

from st_deltek_pipeline.cli.exit_codes import ExitCode, exit_code_of
from st_deltek_pipeline.cli.output import print_json, print_table, say, working
from st_deltek_pipeline.cli.progress import LineProgress
from st_deltek_pipeline.connections.files import find_connection
from st_deltek_pipeline.domain.errors import ConfigurationError
from st_deltek_pipeline.services.alert_channels import channels_of
from st_deltek_pipeline.services.alerting import send_test
from st_deltek_pipeline.services.chain_checking import check_all
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.store.alerts import OpenAlert, open_alerts
from st_deltek_pipeline.store.database import ready_database
from st_deltek_pipeline.store.vault import open_vault


def show_open(settings: Settings, name: str, *, as_json: bool) -> None:
    """Print the open alerts of a connection.

    Args:
        settings: The installation.
        name: The connection.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection, or its file is wrong.
    """
    find_connection(settings, name)
    engine = ready_database(settings)
    try:
        found = open_alerts(engine, name)
    finally:
        engine.dispose()
    if as_json:
        print_json({"connection": name, "alerts": [_data(each) for each in found]})
    elif not found:
        say(f"No alert of connection {name} is open.")
    else:
        print_table(
            ("severity", "since", "what happened", "what to do", "told"),
            (
                (
                    each.known.alert.severity.value,
                    f"{each.known.alert.since.astimezone():%Y-%m-%d %H:%M}",
                    each.known.alert.what_happened,
                    each.known.alert.what_to_do,
                    _told(each),
                )
                for each in found
            ),
            title=f"Open alerts of {name}",
        )


def test(settings: Settings, name: str, *, as_json: bool) -> ExitCode:
    """Send a test on every channel of a connection, and print what was answered.

    Args:
        settings: The installation.
        name: The connection.
        as_json: Answer in JSON.

    Returns:
        0, or the code of the first error.

    Raises:
        ConfigurationError: There is no such connection, its file is wrong, or it names nobody to tell.
    """
    connection = find_connection(settings, name)
    engine = ready_database(settings)
    try:
        channels = channels_of(connection, open_vault(engine, settings))
        if not channels:
            message = f"The file of connection {name} names nobody to tell."
            raise ConfigurationError(
                message, advice="Set alerts.webhook_url or alerts.email.to in it (docs/alerts.md)."
            )
        with working("Sending a test ..."):
            answers = send_test(name, channels, now=datetime.now(UTC))
    finally:
        engine.dispose()
    if as_json:
        print_json(
            {
                "connection": name,
                "channels": [
                    {
                        "channel": each.channel,
                        "ok": each.error is None,
                        "answer": each.words,
                        "advice": each.error.advice if each.error else "",
                    }
                    for each in answers
                ],
            }
        )
    else:
        for each in answers:
            say(f"{each.channel}: {each.error or each.words}")
    return next((exit_code_of(each.error) for each in answers if each.error is not None), ExitCode.OK)


def check_journal(settings: Settings, name: str, *, as_json: bool) -> ExitCode:
    """Check the whole hash chain of a connection, and print what was found.

    Args:
        settings: The installation.
        name: The connection.
        as_json: Answer in JSON.

    Raises:
        ConfigurationError: There is no such connection, or its file is wrong.
    """
    find_connection(settings, name)
    engine = ready_database(settings)
    try:
        with LineProgress() as progress:
            events, broken = check_all(
                engine, name, progress=lambda done, of: progress.doing(f"{done:,} of {of:,} events checked")
            )
    finally:
        engine.dispose()
    if as_json:
        print_json(
            {
                "connection": name,
                "ok": broken is None,
                "events_in_order": events,
                "broken_at": broken.sequence if broken else None,
                "what": broken.words if broken else "",
            }
        )
    elif broken is None:
        say(f"All {events:,} events of {name} are as they were recorded.")
    else:
        say(f"The journal of {name} is broken: {broken.words}. The {events:,} events before are in order.")
        say("Stop posting, keep a copy of the database, and compare with the last backup (docs/alerts.md).")
    return ExitCode.OK if broken is None else ExitCode.BROKEN


def _data(found: OpenAlert) -> dict[str, object]:
    alert = found.known.alert
    return {
        "cause": alert.cause,
        "severity": alert.severity.value,
        "title": alert.title,
        "what_happened": alert.what_happened,
        "what_to_do": alert.what_to_do,
        "since": alert.since,
        "first_seen": found.known.first_seen,
        "last_seen": found.known.last_seen,
        "count": alert.count,
        "subjects": list(alert.subjects),
        "last_sent": found.last_sent,
        "waiting_messages": found.waiting,
        "failed_attempts": found.attempts,
        "last_error": found.last_error,
    }


def _told(found: OpenAlert) -> str:
    if found.last_error:
        return f"not sent ({found.attempts} attempts): {found.last_error}"
    if found.waiting:
        return "about to be sent"
    return "nobody" if found.last_sent is None else f"{found.last_sent.astimezone():%Y-%m-%d %H:%M}"
