import json

import pytest

from st_deltek_pipeline.domain.errors import (
    AlreadyExistsError,
    ConfigurationError,
    InDoubtError,
    PermissionMissingError,
    PipelineError,
    RefusedError,
    TransientError,
)
from st_deltek_pipeline.transport.answers import Answer
from st_deltek_pipeline.transport.redaction import Redactor
from st_deltek_pipeline.vantagepoint.errors import refusal, words_of

NULL_REFERENCE = "Object reference not set to an instance of an object."
EXISTS = "Record 48aed4940d014a319758a9921362510f already exists and cannot be added."
UNKNOWN_FIELD = "Field InvoiceNo does not exist. Field InvoiceNo does not exist."
TRUNCATED = "String or binary data would be truncated in table 'ACME.dbo.inMaster', column 'Invoice'."


def answer(status: int, body: object, *, page: bool = False) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if page else "application/json"
    return Answer(
        "Vantagepoint", "DataEntry/inControl", status, {"content-type": kind}, content, 9, Redactor("hushhush")
    )


@pytest.mark.parametrize(
    ("status", "text", "reading", "writing"),
    [
        (400, EXISTS, AlreadyExistsError, AlreadyExistsError),
        (500, EXISTS, AlreadyExistsError, AlreadyExistsError),
        (400, UNKNOWN_FIELD, RefusedError, RefusedError),
        (500, UNKNOWN_FIELD, RefusedError, RefusedError),
        (500, "Column:Invoice does not exist", RefusedError, RefusedError),
        (500, "Please provide a Due Date for table inMaster.", RefusedError, RefusedError),
        (500, '"123" is invalid. The correct format is 00000.000', RefusedError, RefusedError),
        (500, TRUNCATED, RefusedError, RefusedError),
        (500, "Organization is required.", RefusedError, RefusedError),
        (
            500,
            "Period 202611 is closed. Your role does not allow processing in closed periods.",
            RefusedError,
            RefusedError,
        ),
        (500, "Project 2026-001 is inactive.", RefusedError, RefusedError),
        (500, "File abc is out of balance.", RefusedError, RefusedError),
        (500, "Firm Number value ignored, autonumber enabled and override is not allowed", RefusedError, RefusedError),
        (400, "something nobody has seen", RefusedError, RefusedError),
        (404, "The requested resource does not exist.", RefusedError, RefusedError),
        (409, "Conflict", RefusedError, RefusedError),
        (403, "You do not have access to perform this operation.", PermissionMissingError, PermissionMissingError),
        (400, NULL_REFERENCE, RefusedError, RefusedError),
        (500, NULL_REFERENCE, TransientError, InDoubtError),
        (500, "Timeout expired. The timeout period elapsed.", TransientError, InDoubtError),
        (500, "Transaction was deadlocked and cannot be completed.", TransientError, InDoubtError),
        (500, "something nobody has seen", TransientError, InDoubtError),
        (503, "Period is closed for maintenance", TransientError, InDoubtError),
        (502, "", TransientError, InDoubtError),
        (504, "", TransientError, InDoubtError),
        (408, "", TransientError, InDoubtError),
        (599, "", TransientError, InDoubtError),
    ],
)
def test_text_and_status_together_decide(
    status: int, text: str, reading: type[PipelineError], writing: type[PipelineError]
) -> None:
    for writes, expected in ((False, reading), (True, writing)):
        error = refusal(answer(status, {"message": text, "detail": text}), writes=writes)
        assert type(error) is expected
        assert str(status) in str(error)
        if isinstance(error, RefusedError):
            assert error.words == text
            assert error.status == status
        if isinstance(error, TransientError):
            assert error.retry_after == 9
            assert "run again when Vantagepoint is well" in error.advice


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "one", "detail": "two"}, "one; two"),
        ({"message": "same", "detail": "same"}, "same"),
        ({"Message": "An error", "ExceptionMessage": "the cause", "StackTrace": "at X"}, "An error; the cause"),
        ([{"MESSAGE": "in a list"}], "in a list"),
        ("just a text", "just a text"),
        ({"message": None, "detail": "only this"}, "only this"),
        ({"message": "password=hushhush1 and hushhush"}, "password=*** and ***"),
        ({"other": 1}, '{"other": 1}'),
        (b"", ""),
        (b"plain words", "plain words"),
        (b'{"message": "cut o', '{"message": "cut o'),
    ],
)
def test_words_are_found_in_every_shape_of_error_body(body: object, words: str) -> None:
    assert words_of(answer(400, body)) == words


def test_endless_words_are_cut() -> None:
    assert len(words_of(answer(400, {"message": "x" * 100_000}))) == 1000


@pytest.mark.parametrize(
    ("status", "writes", "expected"),
    [
        (404, True, ConfigurationError),
        (404, False, ConfigurationError),
        (403, True, PermissionMissingError),
        (413, True, RefusedError),
        (400, True, InDoubtError),
        (400, False, TransientError),
        (503, True, InDoubtError),
        (503, False, TransientError),
    ],
)
def test_a_page_is_not_taken_for_vantagepoints_own_refusal(
    status: int, *, writes: bool, expected: type[PipelineError]
) -> None:
    page = answer(status, b"<html><h1>already exists</h1></html>", page=True)
    error = refusal(page, writes=writes)
    if status == 503:
        # A page cannot say that a record exists.
        assert not isinstance(error, AlreadyExistsError)
    assert type(error) is expected
