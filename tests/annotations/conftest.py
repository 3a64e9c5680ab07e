"""A file of each format."""

import pytest
from annotation_examples import STREET

from aed_plugins.annotations import FORMATS, write_timeline


@pytest.fixture
def files(tmp_path):
    for name, suffix in FORMATS.items():
        write_timeline(tmp_path / f"street{suffix}", STREET, name)
    return tmp_path
