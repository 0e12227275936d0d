"""Records that are no documents are read by their kind."""

import pytest

from st_deltek_pipeline.servicetitan.record_kinds import RecordKind
from st_deltek_pipeline.servicetitan.records import CustomerRecord, read_record
from st_deltek_pipeline.servicetitan.shapes import Unfit


def test_other_records_are_read_by_kind() -> None:
    record = read_record(RecordKind.CUSTOMER, '{"id": "5", "name": "Ada", "type": "Commercial", "mergedToId": "6"}')
    assert isinstance(record, CustomerRecord)
    assert (record.id, record.type, record.merged_to_id) == (5, "Commercial", 6)


@pytest.mark.parametrize("kind", list(RecordKind))
def test_every_kind_needs_nothing_but_an_id(kind: RecordKind) -> None:
    record = read_record(kind, '{"id": 5}')
    assert not isinstance(record, Unfit)
    assert record.id == 5
