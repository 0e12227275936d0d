"""What people decided about which firm somebody is. Rows of ``mapping.firm_decisions`` are only ever added."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind
from st_deltek_pipeline.domain.firm_matching import Decision, PersonsDecision
from st_deltek_pipeline.store.copying import copy_rows


def add_decisions(db: Connection, connection: str, decisions: Mapping[PartyKey, PersonsDecision]) -> None:
    """Record decisions.

    Args:
        db: The transaction.
        connection: The connection's name.
        decisions: By party.
    """
    copy_rows(
        db,
        "mapping.firm_decisions",
        ("connection", "party_kind", "party_id", "decision", "firm_id", "decided_by"),
        (
            (connection, key.kind.value, key.party_id, each.decision.value, each.firm_id, each.by)
            for key, each in decisions.items()
        ),
    )


def latest_decisions(
    db: Connection, connection: str, keys: Sequence[PartyKey] | None = None
) -> dict[PartyKey, PersonsDecision]:
    """Return the latest decision about every party that a person decided about.

    Args:
        db: A connection to the database.
        connection: The connection's name.
        keys: Only about these; ``None`` is all of them.
    """
    only = ""
    parameters: dict[str, object] = {"connection": connection}
    if keys is not None:
        only = "AND (party_kind, party_id) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[])))"
        parameters |= {"kinds": [key.kind.value for key in keys], "ids": [key.party_id for key in keys]}
    found = db.execute(
        text(
            f"""
            SELECT DISTINCT ON (party_kind, party_id) party_kind, party_id, decision, firm_id, decided_by
            FROM mapping.firm_decisions WHERE connection = :connection {only}
            ORDER BY party_kind, party_id, decision_no DESC
            """  # noqa: S608 (nothing but constants)
        ),
        parameters,
    )
    return {PartyKey(PartyKind(row[0]), row[1]): PersonsDecision(Decision(row[2]), row[3], row[4]) for row in found}


def newest_decision(db: Connection, connection: str) -> int:
    """Return the number of the newest decision, 0 before there is any.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    return db.execute(
        text("SELECT coalesce(max(decision_no), 0) FROM mapping.firm_decisions WHERE connection = :connection"),
        {"connection": connection},
    ).scalar_one()
