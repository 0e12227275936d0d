"""How long a sensor rests between two looks: the more connections an installation has, the longer.

A tick costs the daemon some time whether there is anything to do or not, and the daemon has one core. Every kind of sensor has
its share of it, whatever the number of connections; the figures are in docs/many-connections.md.
"""

from enum import Enum


class Looks(Enum):
    """A kind of sensor: its shortest rest in seconds, and how many of its ticks a second all connections together may have."""

    INBOX = (1, 2.0)
    """Most installations are told of a webhook at once by the receiver; this is the net below it."""
    CHANGES = (30, 1.0)
    """Changes come in trains: a poll writes many feeds one after the other."""
    ALERTS = (60, 1.0)

    def rest(self, connections: int) -> int:
        """Return the seconds between two looks; whole ones, as Dagster takes them.

        Args:
            connections: How many the installation has.
        """
        shortest, ticks_per_second = self.value
        return max(shortest, -int(-connections // ticks_per_second))
