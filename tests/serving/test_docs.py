"""What is declared is documented, and what is shown loads nothing from outside."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from models.policy.gates import GATES
from serving.endpoint import Endpoint
from serving.endpoints import ENDPOINTS
from serving.openapi import ERRORS, description
from serving.schemas import DecisionQuestion, RecommendRequest
from tests.serving.running import ROOT

DOCUMENT = (ROOT / "docs" / "http.md").read_text()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_is_documented_with_its_right(endpoint: Endpoint) -> None:
    words = f"{endpoint.method} {endpoint.path.replace(':path', '')}"
    lines = [line for line in DOCUMENT.splitlines() if re.search(re.escape(words) + r"(?![/\w])", line)]
    assert lines, f"docs/http.md lacks {words}"
    if endpoint.right:
        assert any(f"`{endpoint.right}`" in line for line in lines)


def test_every_error_and_every_field_is_documented() -> None:
    source = (ROOT / "serving" / "errors.py").read_text() + (ROOT / "serving" / "failures.py").read_text()
    kinds = set(re.findall(r'HTTPStatus\.\w+,\s+"(\w+)"', source)) | set(re.findall(r'ErrorBody\("(\w+)"', source))
    assert len(kinds) >= 10
    assert [kind for kind in kinds if f"`{kind}`" not in DOCUMENT] == []
    assert [status for status in ERRORS if f"| {status} |" not in DOCUMENT] == []
    fields = {*DecisionQuestion.model_fields, *RecommendRequest.model_fields}
    assert [field for field in fields if f"`{field}`" not in DOCUMENT] == []


def test_the_example_of_a_funnel_has_the_gates_in_force() -> None:
    (funnel,) = re.findall(r'"funnel": (\{.*?\})', DOCUMENT)
    counts = json.loads(funnel)
    assert list(counts) == ["candidates", *(gate.name for gate in GATES), "eligible"]
    assert 2 * counts["candidates"] == sum(counts.values())


def test_every_example_of_a_request_is_taken(client: httpx.Client) -> None:
    example = re.findall(r"```json\n(.*?)\n```", DOCUMENT, re.DOTALL)[1]
    assert client.post("/recommend", content=example).status_code == 200


def test_the_description_names_every_endpoint() -> None:
    paths = description()["paths"]
    assert isinstance(paths, dict)
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(one.method, one.path.replace(":path", "")) for one in ENDPOINTS}


def test_every_reference_of_the_description_resolves() -> None:
    text = str(description())
    components = description()["components"]
    assert isinstance(components, dict)
    wanted = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert wanted
    assert wanted <= set(components["schemas"])


def test_the_page_loads_nothing_from_outside(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) == 5
    for source in sources:
        assert not source.startswith(("http", "//"))
        assert client.get(str(Path("/") / source)).status_code == 200
    initializer = client.get("/static_content/swagger-initializer.js").text
    assert "./docs.json" in initializer
    assert client.get("/docs.json").json() == client.get("/openapi.json").json() == description()
