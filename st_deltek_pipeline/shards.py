"""Dagster's entry points where there are many connections: ``shard_01``, ``shard_02`` and so on, each with some of them.

A workspace entry names this module and one of these attributes (``st-deltek workspace`` writes it), so code servers and
run workers know their shard without variables of their own. Which connections a shard has is in ``shards.json`` of the data
folder. A shard is built when it is first asked for.
"""

import gc

import dagster as dg

from st_deltek_pipeline.orchestration.build import build_shard
from st_deltek_pipeline.orchestration.workspace import shard_number
from st_deltek_pipeline.private_memory import keep_memory_private
from st_deltek_pipeline.settings import load_settings

keep_memory_private()


def __getattr__(name: str) -> dg.Definitions:
    number = shard_number(name)
    if number is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    # As in ``definitions``: all of this lives as long as the process.
    gc.freeze()
    built = globals()[name] = build_shard(load_settings(), number)
    gc.freeze()
    return built
