"""The twin's field names against the catalogue of published ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.full_books import applied, check, journal, receipts, vouchers
from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, one_invoice

_OTHERS = {
    "cr": receipts("B1", details=[applied(Invoice="")]),
    "ap": vouchers("B1"),
    "cv": check("cv", "B1"),
    "cd": check("cd", "B1"),
    "je": journal("B1", [("5000.00", "1.00", ""), ("2000.00", "", "1.00")]),
}

_CATALOGUE = Path(__file__).parents[4] / "shared/specs/vantagepoint/endpoints.json"

pytestmark = pytest.mark.skipif(not _CATALOGUE.exists(), reason="the catalogue is not beside this repository")


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    return json.loads(_CATALOGUE.read_text())


@pytest.mark.parametrize(
    ("path", "published"),
    [("inControl", "control"), ("inMaster", "master"), ("inDetail", "detail")],
)
def test_a_file_reads_back_with_every_published_field_and_no_other(
    office: Office, catalogue: dict[str, Any], path: str, published: str
) -> None:
    office.enter(one_invoice("B1"))
    fields = catalogue["transaction_types"]["in"]
    expected = {*fields[published], *fields[f"{published}_answer_extra"]}
    assert set(office.get(f"DataEntry/{path}/B1")[0]) == expected


@pytest.mark.parametrize("name", ["ARBalance", "ARBalanceDetail"])
def test_ar_review_has_every_published_field_and_no_other(office: Office, catalogue: dict[str, Any], name: str) -> None:
    office.enter_and_post(one_invoice("B1"))
    (row,) = office.get(f"ARReview/{name}", ARWBS1InvoiceKey="P100|INV-1001")
    assert set(row) == set(catalogue["ar_review"][f"GET /ARReview/{name}"])


def test_every_published_field_can_be_sent(office: Office, catalogue: dict[str, Any]) -> None:
    fields = catalogue["transaction_types"]["in"]
    body = one_invoice("B1")
    for rows, published in (([body], "control"), (body["inMaster"], "master"), (body["inDetail"], "detail")):
        blanks = dict.fromkeys([*fields[published], *fields[f"{published}_answer_extra"]], "")
        rows[0].update({**blanks, **rows[0]})
    assert office.enter(body).status_code == 201


@pytest.mark.parametrize("prefix", _OTHERS)
@pytest.mark.parametrize("published", ["control", "master", "detail"])
def test_a_file_of_any_type_reads_back_with_every_published_field(
    books: Office, catalogue: dict[str, Any], prefix: str, published: str
) -> None:
    answer = books.enter_as(prefix, _OTHERS[prefix])
    assert answer.status_code == 201, answer.text
    fields = catalogue["transaction_types"][prefix]
    extra = set(fields[f"{published}_answer_extra"])
    # The default tax codes are rows of their own, which answers of a control do not carry.
    expected = {name for name in fields[published] if not name.endswith("DefaultTaxCodes")} | extra
    found = set(books.get(f"DataEntry/{prefix}{published.capitalize()}/B1")[0])
    assert expected <= found
    if extra:
        # Where the catalogue lists what answers add, it lists all of it, but for what every master has.
        assert found - expected <= {"WBS1Name", "Org", "AccountName", "AccountType", "StatusDescription"}


@pytest.mark.parametrize("prefix", _OTHERS)
def test_every_published_field_of_any_type_can_be_sent(books: Office, catalogue: dict[str, Any], prefix: str) -> None:
    fields = catalogue["transaction_types"][prefix]
    body = json.loads(json.dumps(_OTHERS[prefix], default=str))
    for rows, published in (
        ([body], "control"),
        (body[f"{prefix}Master"], "master"),
        (body[f"{prefix}Detail"], "detail"),
    ):
        blanks = dict.fromkeys([*fields[published], *fields[f"{published}_answer_extra"]], "")
        rows[0].update({**blanks, **rows[0]})
    body.pop(f"{prefix}ControlDefaultTaxCodes", None)
    answer = books.enter_as(prefix, body)
    assert answer.status_code == 201, answer.text


def test_receipt_details_have_every_published_field_and_no_other(books: Office, catalogue: dict[str, Any]) -> None:
    books.book("cr", receipts("B1", details=[applied(Invoice="")]))
    (row,) = books.get("ARReview/ARBalanceDetailCR", ARWBS1InvoiceKey="P100|")
    assert set(row) == set(catalogue["ar_review"]["GET /ARReview/ARBalanceDetailCR"])
