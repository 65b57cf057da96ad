"""The OpenAPI documents are valid, and name all that is served."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from stream.gateway.openapi import openapi as gateway_openapi
from stream.health import Health
from stream.web.assets import ASSETS
from stream.web.openapi import openapi
from stream.web.views import Views

FOR_PEOPLE = {"/", f"{ASSETS}{{name}}"}


@pytest.mark.parametrize("document", [openapi("1.2.3"), gateway_openapi("1.2.3")], ids=["worker", "gateway"])
def test_a_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_path_for_programs_is_in_the_workers_document(health: Health) -> None:
    served = Views(health.pipeline)._routes().keys() - FOR_PEOPLE
    assert openapi("1.2.3")["paths"].keys() == served
