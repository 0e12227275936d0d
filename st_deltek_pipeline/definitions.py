"""Dagster's entry point: one code location with every connection of the installation."""

import gc

from st_deltek_pipeline.orchestration.build import build_definitions
from st_deltek_pipeline.private_memory import keep_memory_private
from st_deltek_pipeline.settings import load_settings

keep_memory_private()
# All of this lives as long as the process. Looking for garbage in it again and again took a quarter of the time.
gc.freeze()
defs = build_definitions(load_settings())
gc.freeze()
