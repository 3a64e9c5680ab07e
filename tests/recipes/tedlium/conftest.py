"""What the tests of the TED-LIUM recipe share: a small demonstration corpus."""

import os
import shutil

import pytest
from tedlium_demo import build_demonstration

MISSING = "needs espeak-ng: apt-get install espeak-ng"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A corpus of talks with six utterances each."""
    if shutil.which("espeak-ng") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return build_demonstration(tmp_path_factory.mktemp("data") / "talks", utterances=6)


@pytest.fixture
def copied(corpus, tmp_path):
    """A copy of the corpus that a test may damage."""
    return shutil.copytree(corpus, tmp_path / "talks")
