"""The page that helps to choose a rule is true: its examples are sound and it leaves out no kind, key or name."""

import re
from pathlib import Path
from typing import get_args

import pytest

from stream.domain.annotations import ANNOTATION_FIELDS
from stream.domain.rules import Rule, RuleSet
from stream.rules_file import load

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_sound(example: str) -> None:
    loaded = load(example, "docs/rules.md", 10_000)
    assert isinstance(loaded, RuleSet), "\n".join(map(str, loaded))


def test_every_kind_has_an_example_that_names_all_its_own_keys_and_a_place_in_the_table() -> None:
    for model in get_args(Rule):
        kind = model.model_fields["kind"].default
        section = PAGE.split(f"### {kind}\n")[1].split("\n##")[0]
        assert f"[`{kind}`](#{kind})" in PAGE
        for name, field in model.model_fields.items():
            key = field.alias or name
            assert f"| `{key}` |" in PAGE or key in section, f"{key} of {kind}"


def test_every_name_for_annotations_is_listed() -> None:
    listed = PAGE.split("Annotations may hold")[1].split("\n##")[0]
    assert [name for name in ANNOTATION_FIELDS if f"`{name}`" not in listed] == []
