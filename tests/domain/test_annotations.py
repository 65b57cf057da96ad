"""Alert texts: checked once, then filled in whatever the values are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stream.domain.annotations import ANNOTATION_FIELDS, Template, Value, render

TEMPLATE: TypeAdapter[str] = TypeAdapter(Template)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{preset}: {errors} of {total}", "summarize: 14 of 60"),
        ("{error_rate} above {threshold}", "23.3% above 10%"),
        ("{error_rate_low}", "n/a"),
        ("{{preset}} {{{preset}}}", "{preset} {summarize}"),
        ("{window}", "{window}"),
        ("{preset.__class__} {0} {", "{preset.__class__} {0} {"),
    ],
)
def test_a_template_is_filled_with_what_there_is(template: str, text: str) -> None:
    values: dict[str, Value] = {"preset": "summarize", "errors": 14, "total": 60, "error_rate": 0.233, "threshold": 0.1}
    assert render(template, values | {"error_rate_low": None}) == text


@given(
    st.text() | st.text("{}preset.!:[0]"), st.dictionaries(st.sampled_from(ANNOTATION_FIELDS), st.floats() | st.text())
)
def test_rendering_never_raises(template: str, values: dict[str, Value]) -> None:
    assert isinstance(render(template, values), str)


@pytest.mark.parametrize(
    "template", ["{presett}", "{}", "{0}", "{preset.name}", "{preset[0]}", "{errors:d}", "{preset!r}", "{preset", "}"]
)
def test_a_template_with_anything_but_known_names_is_refused(template: str) -> None:
    with pytest.raises(ValidationError):
        TEMPLATE.validate_python(template)


def test_a_template_may_use_every_field_and_literal_braces() -> None:
    template = "".join(f"{{{name}}}" for name in ANNOTATION_FIELDS) + "{{}}"
    assert TEMPLATE.validate_python(template) == template
