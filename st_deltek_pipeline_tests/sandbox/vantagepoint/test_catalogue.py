"""The twin's field names against the catalogue of published ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from st_deltek_pipeline_tests.sandbox.vantagepoint.small_world import Office, one_invoice

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
