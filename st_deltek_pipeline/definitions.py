"""Dagster's entry point: one code location with every connection of the installation."""

from st_deltek_pipeline.orchestration.build import build_definitions
from st_deltek_pipeline.settings import load_settings

defs = build_definitions(load_settings())
