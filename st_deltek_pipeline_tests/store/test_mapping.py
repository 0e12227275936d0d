"""Alignments come back as they were stored, so that an unchanged one is not written again."""

from sqlalchemy import Engine

from st_deltek_pipeline.domain.alignment import Alignment
from st_deltek_pipeline.domain.documents import Kind
from st_deltek_pipeline.domain.holds import Hold, HoldReason
from st_deltek_pipeline.store.mapping import alignments_of, replace_alignments
from st_deltek_pipeline_tests.domain.builders import invoice


def test_a_hold_in_vantagepoints_words_comes_back_with_them(engine: Engine) -> None:
    document = invoice()
    name, ids = document.key.connection, [document.key.document_id]
    hold = Hold(HoldReason.FIRM_REFUSED, "Vantagepoint refused to create its firm.", "Name is required.")
    held = Alignment(document, (), hold)
    with engine.begin() as db:
        replace_alignments(db, connection_name=name, kind=Kind.INVOICE, alignments=[held], run_id="run")
        stored = alignments_of(db, connection_name=name, kind=Kind.INVOICE, document_ids=ids)
    assert stored[document.key.document_id].hold == hold
    assert stored[document.key.document_id].says(held)
