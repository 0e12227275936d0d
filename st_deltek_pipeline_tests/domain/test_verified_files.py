"""Files of every entry type are judged by what was sent; a journal entry by both of its sides."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from st_deltek_pipeline.domain.verified_files import FileFacts, file_violations

_JOURNAL = {
    "Batch": "B",
    "Total": 30,
    "CreditsTotal": 30,
    "jeMaster": [{"RefNo": "B1"}],
    "jeDetail": [
        {"PKey": "k1", "DebitAmount": 20, "CreditAmount": 0},
        {"PKey": "k2", "DebitAmount": 10, "CreditAmount": 0},
        {"PKey": "balance", "DebitAmount": 0, "CreditAmount": 30},
    ],
}
_FILE = FileFacts(
    batch="B",
    kind="bill",
    entry="je",
    state="posted",
    amount=Decimal("30.00"),
    documents=1,
    body=json.dumps(_JOURNAL),
    postings=1,
    posted=Decimal("30.00"),
    lines=(("k1", Decimal("20.00")), ("k2", Decimal("10.00"))),
)


def _words(file: FileFacts = _FILE, **body: Any) -> list[str]:
    changed = replace(file, body=json.dumps({**_JOURNAL, **body})) if body else file
    return [violation.words for violation in file_violations(changed)]


def test_a_journal_entry_that_balances_holds() -> None:
    assert _words() == []


@pytest.mark.parametrize("state", ["refused", "split"])
def test_of_a_file_that_was_given_up_only_the_body_counts(state: str) -> None:
    given_up = replace(_FILE, state=state, postings=0, posted=Decimal("0.00"), lines=())
    assert _words(given_up) == []
    assert _words(given_up, CreditsTotal=29)


def test_debits_that_are_not_the_credits_are_found() -> None:
    details = [*_JOURNAL["jeDetail"][:2], {"PKey": "balance", "DebitAmount": 0, "CreditAmount": 29}]
    assert "its debits are 30.00 and its credits 29.00" in _words(jeDetail=details)


def test_a_line_that_no_posting_has_is_found() -> None:
    details = [*_JOURNAL["jeDetail"], {"PKey": "more", "DebitAmount": 5, "CreditAmount": 5}]
    assert _words(jeDetail=details, Total=35, CreditsTotal=35) == ["2 lines were sent that no posting has"]
    invoice = {"Batch": "B", "Total": 30, "inMaster": [{}], "inDetail": [{"PKey": "k1", "Amount": 20}]}
    file = replace(_FILE, entry="in", body=json.dumps(invoice))
    assert _words(file) == [
        "it states 30.00, and its lines sum to 20.00",
        "1 lines of its postings are not as they were sent: k2",
    ]


def test_a_line_that_stands_twice_is_found() -> None:
    details = [*_JOURNAL["jeDetail"], {"PKey": "k1", "DebitAmount": 20, "CreditAmount": 0}]
    assert "a line stands in its body twice" in _words(jeDetail=details)


def test_another_files_body_and_a_body_that_is_none_are_found() -> None:
    assert _words(Batch="C") == ["its frozen body is that of file C"]
    assert _words(replace(_FILE, body="[]")) == ["its frozen body cannot be read: TypeError"]
    assert _words(replace(_FILE, body='{"Batch": "B"}')) == ["its frozen body cannot be read: KeyError"]
    assert _words(Total="30") == ["its frozen body cannot be read: TypeError"]
