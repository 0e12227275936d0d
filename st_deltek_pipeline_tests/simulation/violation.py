"""What a simulation ends with when something does not hold."""


class Violation(Exception):  # noqa: N818 - what it is called where it is raised
    """An invariant does not hold.

    Attributes:
        rule: Which one: the name of the function that looked.
    """

    @property
    def rule(self) -> str:
        """Return the name of the function that raised it."""
        trace = self.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return "" if trace is None else trace.tb_frame.f_code.co_name.strip("_")
