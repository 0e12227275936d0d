"""Scripts as Python: everything that a script names, how one is printed, and how a file with one is read.

A file with a script says ``from st_deltek_pipeline_tests.simulation.script import *`` and gives it the name ``SCRIPT``.
"""

import runpy
from pathlib import Path

from st_deltek_pipeline_tests.simulation.flavours import Flavour
from st_deltek_pipeline_tests.simulation.simulation import Script
from st_deltek_pipeline_tests.simulation.steps import (
    AddConnection,
    ArrivesLate,
    Calm,
    ClosePeriod,
    Deliver,
    DeliverAll,
    EnterByHand,
    ExpireTokens,
    FeedsLag,
    LedgerLags,
    Live,
    Lose,
    Pass,
    Poll,
    Redeliver,
    ReopenPeriod,
    Reread,
    RunDay,
    SuspendProject,
    Sync,
    SyncDay,
    Trouble,
)
from st_deltek_pipeline_tests.simulation.titan_steps import (
    ApplyPayment,
    Bill,
    Credit,
    EditBill,
    EditInvoice,
    EditPayment,
    MakeInvoice,
    MergeCustomer,
    MisstateInvoice,
    Pay,
    RedateInvoice,
    Refund,
    RenameCustomer,
    RenumberInvoice,
    Repost,
    ReturnGoods,
    Unpost,
    Void,
)

_HEAD = "from st_deltek_pipeline_tests.simulation.script import *\n\n"


def as_python(script: Script) -> str:
    """Return a script as a file that ``read`` reads."""
    steps = "".join(f"        {step!r},\n" for step in script.steps)
    return f"{_HEAD}SCRIPT = Script(\n    seed={script.seed},\n    flavour={script.flavour!r},\n    steps=(\n{steps}    ),\n)\n"


def read(path: Path) -> Script:
    """Read a file with a script.

    Raises:
        ValueError: It has no script of that name.
    """
    found = runpy.run_path(str(path)).get("SCRIPT")
    if not isinstance(found, Script):
        message = f"{path} gives no Script the name SCRIPT"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file's content
    return found


__all__ = [
    "AddConnection",
    "ApplyPayment",
    "ArrivesLate",
    "Bill",
    "Calm",
    "ClosePeriod",
    "Credit",
    "Deliver",
    "DeliverAll",
    "EditBill",
    "EditInvoice",
    "EditPayment",
    "EnterByHand",
    "ExpireTokens",
    "FeedsLag",
    "Flavour",
    "LedgerLags",
    "Live",
    "Lose",
    "MakeInvoice",
    "MergeCustomer",
    "MisstateInvoice",
    "Pass",
    "Pay",
    "Poll",
    "RedateInvoice",
    "Redeliver",
    "Refund",
    "RenameCustomer",
    "RenumberInvoice",
    "ReopenPeriod",
    "Repost",
    "Reread",
    "ReturnGoods",
    "RunDay",
    "Script",
    "SuspendProject",
    "Sync",
    "SyncDay",
    "Trouble",
    "Unpost",
    "Void",
]
