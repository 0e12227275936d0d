"""A connection stays in its code location, whoever comes and goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_deltek_pipeline.domain.shards import PER_SHARD, Shards

_NAMES = st.frozensets(st.text("abc_9", min_size=1, max_size=4), max_size=60)
_MOST = st.integers(1, 7)


def _number_of(shards: Shards) -> dict[str, int]:
    return {name: number for number, names in enumerate(shards.members, start=1) for name in names}


@given(first=_NAMES, second=_NAMES, most=_MOST)
def test_adding_and_removing_connections_moves_nobody_else(
    first: frozenset[str], second: frozenset[str], most: int
) -> None:
    before = Shards().assigned(first, per_shard=most)
    after = before.assigned(second)
    was, now = _number_of(before), _number_of(after)
    assert now.keys() == second
    assert {name: now[name] for name in first & second} == {name: was[name] for name in first & second}
    assert all(len(names) <= most for names in after.members)
    assert len(_number_of(after)) == sum(map(len, after.members))


@given(names=_NAMES, most=_MOST, fewer=_MOST)
def test_a_smaller_limit_is_kept_and_moves_only_what_does_not_fit(names: frozenset[str], most: int, fewer: int) -> None:
    before = Shards().assigned(names, per_shard=most)
    after = before.assigned(names, per_shard=fewer)
    assert after.placed == names
    assert all(len(shard) <= fewer for shard in after.members)
    for was, now in zip(before.members, after.members, strict=False):
        assert set(was[:fewer]) <= set(now)


@given(written=_NAMES, there=_NAMES, most=_MOST)
def test_every_connection_is_loaded_by_exactly_one_shard_also_before_it_has_a_place(
    written: frozenset[str], there: frozenset[str], most: int
) -> None:
    shards = Shards().assigned(written, per_shard=most)
    numbers = range(1, len(shards.members) + 2)
    assert sorted(name for number in numbers for name in shards.loads(number, there)) == sorted(there)


def test_two_hundred_connections_are_ten_shards_and_a_gap_is_filled() -> None:
    names = [f"firm_{number:03d}" for number in range(200)]
    shards = Shards().assigned(reversed(names))
    assert [len(shard) for shard in shards.members] == [PER_SHARD] * 10
    assert shards == Shards().assigned(names)
    changed = shards.assigned([*names[:7], *names[8:], "a_new_one", "another"])
    assert changed.of(1) == shards.of(1) - {"firm_007"} | {"a_new_one"}
    assert changed.of(11) == {"another"}


def test_a_shard_whose_connections_are_gone_keeps_its_number_while_a_later_one_is_used() -> None:
    shards = Shards().assigned(["a", "b", "c"], per_shard=1).assigned(["a", "c"])
    assert shards.members == (("a",), (), ("c",))
    assert shards.assigned(["a"]).members == (("a",),)


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_a_number_that_is_not_used_has_no_connections(number: int) -> None:
    assert Shards().assigned(["a", "b"], per_shard=1).loads(number, ["a", "b"]) == frozenset()
