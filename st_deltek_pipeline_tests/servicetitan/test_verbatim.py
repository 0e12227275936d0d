"""Records keep their own bytes, whatever characters they hold."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.servicetitan.verbatim import decodable, verbatim_rows

_ROWS = msgspec.json.Decoder(list[msgspec.Raw])


def cut(body: bytes) -> list[bytes]:
    return verbatim_rows(body, _ROWS.decode(decodable(body)))


def test_half_a_character_in_one_record_leaves_the_others_readable() -> None:
    rows = [rb'{"id":1,"name":"cut \ud83d"}', rb'{"id":2,"name":"whole \ud83d\ude00"}', rb'{"id":3}']
    assert cut(b"[" + b",".join(rows) + b"]") == rows


def test_an_escaped_backslash_before_such_letters_is_no_surrogate_and_stays() -> None:
    rows = [rb'{"path":"C:\\ud83d"}', rb'{"id":2}']
    assert cut(b"[" + b" , ".join(rows) + b"]") == rows


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(st.characters(), max_size=10), max_size=3), max_size=6))
def test_any_page_is_cut_into_exactly_its_records(records: list[dict[str, str]]) -> None:
    rows = [json.dumps(record).encode() for record in records]
    assert cut(b"[" + b",".join(rows) + b"]") == rows
