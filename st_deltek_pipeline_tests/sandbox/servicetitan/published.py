"""ServiceTitan's own OpenAPI documents, and the check of an answer against them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator, FormatChecker

SPECS = Path(__file__).parents[3].parent / "shared/specs/servicetitan"
needs_documents = pytest.mark.skipif(
    not SPECS.is_dir(), reason="ServiceTitan's OpenAPI documents are not in ../shared/specs"
)


@cache
def document(module: str) -> dict[str, Any]:
    return json.loads((SPECS / f"{module}-v2.json").read_text(encoding="utf-8"))


def nullable(schema: Any) -> Any:
    """Turn OpenAPI 3.0's ``nullable`` into what JSON Schema understands."""
    if isinstance(schema, list):
        return [nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: nullable(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [inside, {"type": "null"}]} if schema.get("nullable") is True else inside


@cache
def validator(module: str, path: str, method: str, status: str) -> Draft202012Validator:
    answer = document(module)["paths"][path][method]["responses"][status]
    schema = answer["content"]["application/json"]["schema"]
    whole = {**nullable(schema), "components": nullable(document(module)["components"])}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def check(answer: requests.Response, module: str, path: str, status: int = 200, method: str = "get") -> Any:
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["Content-Type"] == "application/json"
    errors = list(validator(module, f"/tenant/{{tenant}}/{path}", method, str(status)).iter_errors(answer.json()))
    assert not errors, [(error.json_path, error.message[:200]) for error in errors[:5]]
    return answer.json()
