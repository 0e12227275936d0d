import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.vantagepoint.post_answer import UnclearPostAnswerError, parse_post_answer
from st_deltek_pipeline.vantagepoint.rows import PostAnswer

BATCH = "48aed4940d014a319758a9921362510f"
PUBLISHED = (
    '{"typeList":"IN""batchList":"' + BATCH + '","retList":"1","periodList":"202611","postseqList":"17",'
    '"msg":"Invoices, File: ' + BATCH + ', 3 of 3 records posted, Posting Sequence: 17[CRLF]"}'
)


def test_the_published_layout_is_read_with_its_missing_comma() -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(PUBLISHED)
    assert parse_post_answer(PUBLISHED, BATCH) == PostAnswer(
        posted=True,
        period=202611,
        post_sequence=17,
        message=f"Invoices, File: {BATCH}, 3 of 3 records posted, Posting Sequence: 17",
    )


def test_a_file_is_found_among_several_whatever_the_case() -> None:
    text = (
        '{"typeList":"IN|IN|AP""batchList":"one|' + BATCH.upper() + '|three","retList":"1|0|1",'
        '"periodList":"202610|202611|202611","postseqList":"4|0|5",'
        '"msg":"Invoices, File: one, 1 of 1 records posted[CRLF]'
        f"Invoices, File: {BATCH}, 0 of 2 records posted, Period 202611 is closed.[CRLF]"
        'Vouchers, File: three, 1 of 1 records posted[CRLF]"}'
    )
    answer = parse_post_answer(text, BATCH)
    assert answer.posted is False
    assert answer.period == 202611
    assert answer.post_sequence is None
    assert answer.message == f"Invoices, File: {BATCH}, 0 of 2 records posted, Period 202611 is closed."
    assert parse_post_answer(text, "three").post_sequence == 5


@pytest.mark.parametrize(
    "text",
    [
        "batchList: b1, retList: 1, periodList: 202611, postseqList: 9, msg: 1 of 1 records posted",
        "{'batchList':'b1','retList':'1','periodList':'202611','postseqList':'9','msg':'1 of 1 records posted'}",
        '{"retList":"1","periodList":"202611","postseqList":"9","msg":"1 of 1 records posted"}',
        '{"RETLIST" : "1", "BatchList" : "b1", "PERIODLIST":"202611", "PostSeqList":"9", "MSG":"1 of 1 Records Posted"}',
    ],
)
def test_other_quotes_cases_and_missing_parts_are_read(text: str) -> None:
    answer = parse_post_answer(text, "b1")
    assert (answer.posted, answer.period, answer.post_sequence) == (True, 202611, 9)
    assert answer.message.lower() == "1 of 1 records posted"


def test_an_object_is_read_like_the_text() -> None:
    answer = {"typeList": "IN", "batchList": "b1", "retList": 1, "periodList": 202611, "postseqList": 9, "msg": 'a "b"'}
    assert parse_post_answer(answer, "b1") == PostAnswer(posted=True, period=202611, post_sequence=9, message='a "b')


def test_missing_numbers_are_unknown() -> None:
    assert parse_post_answer('"batchList":"b1","retList":"1"', "b1") == PostAnswer(
        posted=True, period=None, post_sequence=None, message=""
    )
    assert parse_post_answer('"batchList":"b1","retList":"1","periodList":"Nov"', "b1").period is None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Posted.",
        None,
        [],
        7,
        '{"batchList":"b1","periodList":"202611"}',
        '{"batchList":"other","retList":"1"}',
        '{"batchList":"b1|b1","retList":"1|0"}',
        '{"batchList":"b1|b2","retList":"1"}',
        '{"retList":"1|0"}',
        '{"batchList":"b1","retList":"1","msg":"File: b1, 2 of 3 records posted"}',
        '{"batchList":"b1","retList":"0","msg":"File: b1, 2 of 3 records posted"}',
        '{"msg":"\\"batchList\\":\\"b1\\",\\"retList\\":\\"1\\""}',
    ],
)
def test_what_does_not_say_clearly_what_became_of_the_file_is_unclear(answer: object) -> None:
    with pytest.raises(UnclearPostAnswerError):
        parse_post_answer(answer, "b1")


NAMES = st.text(alphabet="0123456789abcdef", min_size=1, max_size=32)


@given(
    st.lists(
        st.tuples(NAMES, st.booleans(), st.integers(200001, 209912), st.integers(1, 99999), st.integers(1, 500)),
        min_size=1,
        max_size=6,
        unique_by=lambda each: each[0],
    ),
    st.booleans(),
)
def test_every_file_of_any_answer_is_read_as_it_was_written(
    files: list[tuple[str, bool, int, int, int]],
    comma: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    def column(position: int) -> str:
        return "|".join(str(file[position]) for file in files)

    lines = "".join(
        f"Invoices, File: <{name}>, {records if posted else 0} of {records} records posted[CRLF]"
        for name, posted, _, _, records in files
    )
    text = (
        f'{{"typeList":"{"|".join("IN" for _ in files)}"{"," if comma else ""}"batchList":"{column(0)}",'
        f'"retList":"{"|".join("1" if file[1] else "0" for file in files)}",'
        f'"periodList":"{column(2)}","postseqList":"{column(3)}","msg":"{lines}"}}'
    )
    for name, posted, period, sequence, _ in files:
        answer = parse_post_answer(text, name)
        assert (answer.posted, answer.period, answer.post_sequence) == (posted, period, sequence)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        answer = parse_post_answer(text, "b1")
    except UnclearPostAnswerError:
        return
    assert isinstance(answer, PostAnswer)
