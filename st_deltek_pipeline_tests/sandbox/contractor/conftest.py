"""Worlds that several tests read; none of them changes one."""

import pytest

from st_deltek_pipeline.sandbox.contractor.generate import generate
from st_deltek_pipeline.sandbox.contractor.world import World
from st_deltek_pipeline_tests.sandbox.contractor.product_eyes import Product

SEED = 7
MONTH = "2026-10"


@pytest.fixture(scope="session")
def month_world() -> World:
    return generate(SEED, MONTH, invoices=1800)


@pytest.fixture(scope="session")
def clean_world() -> World:
    return generate(SEED, MONTH, invoices=1800, scenario="clean")


@pytest.fixture(scope="session")
def default_month() -> World:
    return generate(SEED, MONTH)


@pytest.fixture(scope="session")
def clean_product(clean_world: World) -> Product:
    return Product(clean_world)


@pytest.fixture(scope="session")
def month_product(month_world: World) -> Product:
    return Product(month_world)
