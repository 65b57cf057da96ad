"""Whoever asks what is counted sees what comes as soon as it can be seen."""

from typing import cast

import pytest

from stream.pipeline import Pipeline
from stream.web.owners import Owners
from stream.web.problems import ProblemError
from stream.web.whole import Whole


class FakePipeline:
    """A pipeline that notes whether it has been hurried."""

    class Deciding:
        owned: dict[int, object]

    def __init__(self) -> None:
        self.deciding = self.Deciding()
        self.deciding.owned = {}
        self.is_complete = self.is_hurried = False

    def is_ready(self) -> bool:
        return self.is_complete

    def hurry(self) -> None:
        self.is_hurried = True


def test_a_question_hurries_a_worker_that_can_answer() -> None:
    pipeline = FakePipeline()
    whole = Whole(cast("Pipeline", pipeline), cast("Owners", None))
    with pytest.raises(ProblemError):
        whole.boards()
    assert not pipeline.is_hurried
    pipeline.is_complete = True
    assert whole.boards() == {}
    assert pipeline.is_hurried
