"""Which connections share a code location when there are many of them. Where that is written down is not said here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

PER_SHARD = 20
"""Connections that share a code location unless somebody says otherwise (docs/many-connections.md)."""

FIRST = 1
"""The shard that also has every connection that is in none."""


@dataclass(frozen=True)
class Shards:
    """Connections by shard. Shards are numbered from 1; one whose connections are all gone is empty and keeps its number.

    Attributes:
        per_shard: The most connections of one shard.
        members: The names of each shard's connections, sorted; each name once.
    """

    per_shard: int = PER_SHARD
    members: Sequence[tuple[str, ...]] = ()

    @property
    def placed(self) -> frozenset[str]:
        """Every connection that has a shard."""
        return frozenset(name for names in self.members for name in names)

    def of(self, number: int) -> frozenset[str]:
        """Return the connections of a shard; none for a number that is not used.

        Args:
            number: From 1.
        """
        return frozenset(self.members[number - 1]) if 0 < number <= len(self.members) else frozenset()

    def loads(self, number: int, names: Collection[str]) -> frozenset[str]:
        """Return which of the connections that there are a shard loads.

        Args:
            number: From 1. The first shard also takes the connections that are in none: a new file must not be overlooked
                until somebody has given it a place.
            names: The connections that there are.
        """
        strays = frozenset(names) - self.placed if number == FIRST else frozenset[str]()
        return (self.of(number) & frozenset(names)) | strays

    def assigned(self, names: Collection[str], *, per_shard: int | None = None) -> "Shards":
        """Give every connection a shard. Whoever has one stays there.

        Dagster knows a sensor's cursor, and whether a person has switched a schedule off, by the name of the code location;
        a connection that moved would lose both.

        Args:
            names: The connections that there are; others lose their places, which new ones take.
            per_shard: The most connections of one shard; as before when not given. Only when there are to be fewer than a shard
                has now do the last of its names move.

        Returns:
            The same for the same names, in whatever order.
        """
        most = self.per_shard if per_shard is None else per_shard
        wanted = frozenset(names)
        kept = [[name for name in sorted(shard) if name in wanted][:most] for shard in self.members]
        new = sorted(wanted.difference(*kept))
        for shard in kept:
            room = most - len(shard)
            shard.extend(new[:room])
            new = new[room:]
        kept += [new[begin : begin + most] for begin in range(0, len(new), most)]
        while kept and not kept[-1]:
            kept.pop()
        return Shards(most, tuple(tuple(sorted(shard)) for shard in kept))
