"""Requests that create firms: each is written down before it leaves, and what became of it afterwards.

Rows of ``mapping.firm_creations``. While one has no clear answer, no second one can be written for the same party.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, text

from st_deltek_pipeline.domain.firm_links import PartyKey, PartyKind


class CreationState(StrEnum):
    """What became of a request; stored, so a value never changes. ``SENDING`` may have reached Vantagepoint or not."""

    SENDING = "sending"
    CREATED = "created"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Creation:
    """One request.

    Attributes:
        body: The firm, as sent.
        address: Its address, to be sent after it; ``None`` without one.
        address_done: The address stands in Vantagepoint, or was refused there.
        firms_before: Firms of the same name that existed before.
        firm_id: What was created; empty until that is known.
    """

    creation_no: int
    key: PartyKey
    state: CreationState
    body: Mapping[str, Any]
    address: Mapping[str, Any] | None
    address_done: bool
    firms_before: frozenset[str]
    firm_id: str
    words: str
    sent_at: datetime
    ended_at: datetime | None


def begin_creation(
    db: Connection,
    connection: str,
    key: PartyKey,
    *,
    body: Mapping[str, Any],
    address: Mapping[str, Any] | None,
    firms_before: Sequence[str],
    run_id: str,
) -> int:
    """Write a request down before it leaves.

    Args:
        db: A transaction, to be committed before the request is sent.
        connection: The connection's name.
        key: Whose firm.
        body: The firm, as it will be sent.
        address: Its address.
        firms_before: Firms of the same name that exist now.
        run_id: Who sends it.

    Returns:
        The request's number.
    """
    return db.execute(
        text(
            """
            INSERT INTO mapping.firm_creations
                (connection, party_kind, party_id, state, body, address, firms_before, run_id)
            VALUES (:connection, :kind, :id, 'sending', :body, :address, :firms_before, :run_id)
            RETURNING creation_no
            """
        ),
        {
            "connection": connection,
            "kind": key.kind.value,
            "id": key.party_id,
            "body": json.dumps(body),
            "address": None if address is None else json.dumps(address),
            "firms_before": list(firms_before),
            "run_id": run_id,
        },
    ).scalar_one()


def end_creation(db: Connection, creation_no: int, state: CreationState, *, firm_id: str = "", words: str = "") -> None:
    """Write down what became of a request.

    Args:
        db: The transaction that also stores what that means for the party.
        creation_no: The request.
        state: What became of it.
        firm_id: What was created.
        words: Vantagepoint's own text when it refused.
    """
    db.execute(
        text(
            """
            UPDATE mapping.firm_creations SET state = :state, firm_id = :firm_id, words = :words, ended_at = now()
            WHERE creation_no = :creation_no
            """
        ),
        {"creation_no": creation_no, "state": state.value, "firm_id": firm_id, "words": _storable(words)},
    )


def end_address(db: Connection, creation_no: int, *, words: str = "") -> None:
    """Write down that a created firm's address stands, or was refused.

    Args:
        db: A transaction.
        creation_no: The request that created the firm.
        words: Vantagepoint's own text when it refused the address.
    """
    db.execute(
        text("UPDATE mapping.firm_creations SET address_done = true, words = :words WHERE creation_no = :creation_no"),
        {"creation_no": creation_no, "words": _storable(words)},
    )


def latest_creations(db: Connection, connection: str) -> dict[PartyKey, Creation]:
    """Return the latest request of every party that had one.

    Args:
        db: A connection to the database.
        connection: The connection's name.
    """
    found = db.execute(
        text(
            """
            SELECT DISTINCT ON (party_kind, party_id) creation_no, party_kind, party_id, state, body, address,
                address_done, firms_before, firm_id, words, sent_at, ended_at
            FROM mapping.firm_creations WHERE connection = :connection
            ORDER BY party_kind, party_id, creation_no DESC
            """
        ),
        {"connection": connection},
    )
    creations = [
        Creation(
            creation_no=row.creation_no,
            key=PartyKey(PartyKind(row.party_kind), row.party_id),
            state=CreationState(row.state),
            body=row.body,
            address=row.address,
            address_done=row.address_done,
            firms_before=frozenset(row.firms_before),
            firm_id=row.firm_id,
            words=row.words,
            sent_at=row.sent_at,
            ended_at=row.ended_at,
        )
        for row in found
    ]
    return {creation.key: creation for creation in creations}


def _storable(words: str) -> str:
    return words.replace("\x00", "\ufffd")
