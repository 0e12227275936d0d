"""docs/connections.md is complete, and its example and the starting file are connections."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from st_deltek_pipeline.connections.alert_settings import AlertSettings, EmailSettings
from st_deltek_pipeline.connections.example import starting_file
from st_deltek_pipeline.connections.files import load_connection
from st_deltek_pipeline.connections.reconciliation_settings import ReconciliationSettings
from st_deltek_pipeline.connections.schedule_settings import ScheduleSettings
from st_deltek_pipeline.connections.settings import (
    CalendarSettings,
    ConnectionSettings,
    FirmSettings,
    PostingSettings,
    ServiceTitanSettings,
    VantagepointSettings,
)
from st_deltek_pipeline.connections.webhook_settings import WebhookSettings
from st_deltek_pipeline.domain.coding import CODING_FIELDS, FACT_FIELDS

_PAGE = (Path(__file__).parents[2] / "docs" / "connections.md").read_text()
_EXAMPLE = _PAGE.split("```yaml\n")[1].split("```")[0]
_KEYS = _PAGE.split("## Keys")[1].split("## Credentials")[0]


def test_the_full_example_is_a_connection(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(_EXAMPLE)
    connection = load_connection(tmp_path / "acme.yaml")
    assert connection.coding[0].give["account"] == "412.00"


@pytest.mark.parametrize(
    "model",
    [
        ConnectionSettings,
        ServiceTitanSettings,
        VantagepointSettings,
        CalendarSettings,
        PostingSettings,
        FirmSettings,
        ReconciliationSettings,
        ScheduleSettings,
        AlertSettings,
        EmailSettings,
        WebhookSettings,
    ],
)
def test_every_key_is_in_the_example_and_in_the_tables(model: type[ConnectionSettings]) -> None:
    for field_name, field in model.model_fields.items():
        name = field.alias or field_name
        assert f"{name}:" in _EXAMPLE
        assert f"`{name}`" in _KEYS


def test_every_fact_and_every_field_of_rules_is_described() -> None:
    assert [name for name in (*FACT_FIELDS, *CODING_FIELDS) if f"`{name}`" not in _KEYS] == []


def test_the_defaults_in_the_tables_are_the_real_ones() -> None:
    for model in (ServiceTitanSettings, VantagepointSettings, PostingSettings, AlertSettings):
        for name, field in model.model_fields.items():
            nothing = not field.default and field.default is not False
            if field.is_required() or nothing or isinstance(field.default, BaseModel):
                continue
            default = field.default[0] if isinstance(field.default, tuple) else field.default
            value = str(default).lower() if isinstance(default, bool) else str(default)
            rows = [line for line in _KEYS.splitlines() if line.startswith(f"| `{name}`")]
            assert any(value in line.split("|")[2] for line in rows), name


def test_the_starting_file_is_a_connection(tmp_path: Path) -> None:
    (tmp_path / "my_firm.yaml").write_text(starting_file("my_firm"))
    assert load_connection(tmp_path / "my_firm.yaml").coding[1].give["account"] == "231.00"
