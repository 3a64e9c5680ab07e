"""JSON of our own."""

import pytest
from annotation_examples import assert_refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"events": [\n1,\n}', r" line 3: expected JSON: Expecting value"),
        ("[1]", r"expected \{\"events\": \[\.\.\.\]\}, got list"),
        ('{"events": [{"onset": 1}]}', r" event 1: expected label, onset and offset"),
        ('{"events": [{"label": "a", "onset": true}]}', r"as onset, got True"),
        ('{"events": [], "duration": -1}', r"json: expected a duration of 0 s or more"),
        ('{"events": [], "duration": NaN}', r"got NaN, which is no number of JSON's"),
        ('{"events": [], "recording": 1}', r"expected a name as recording, got 1"),
        ("[" * 100000, r"expected JSON of moderate depth"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.json", content, message)
