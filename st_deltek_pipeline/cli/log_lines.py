"""How the lines of a log look: the moment in UTC, and nothing in them that a sender could have made a line of."""

import logging
import time
from types import TracebackType

from st_deltek_pipeline.domain.shown_text import in_a_line, in_lines


class LineFormatter(logging.Formatter):
    """Writes a record as one line, and a traceback after it; control characters in both are written out."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Write the record's own line."""
        return in_a_line(super().formatMessage(record))

    def formatException(  # noqa: N802 - logging's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Write a traceback."""
        return in_lines(super().formatException(ei))
