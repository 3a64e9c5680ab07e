"""Which label of one dataset is which of another."""

import pytest

from aed_plugins.core import InputError
from aed_plugins.labels import LabelPair, match_labels, read_mapping


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("siren: Siren\n  drilling: [\n", "such as siren: Siren in UTF-8, got: line 2: "),
        ("- siren\n", "labels.yaml: expected lines such as siren: Siren, got CommentedSeq"),
        ("", "labels.yaml: expected lines such as siren: Siren, got NoneType"),
        ("siren: Siren\ndrilling:\n", "labels.yaml line 2: .*got None for drilling"),
        ("siren: Siren\n\nwhistle: Whistle\n", "line 3: expected one of siren, dr.*'whistle'"),
        ("siren: Siren\ndrilling: Siren\n", "line 2: 'Siren' comes a second time"),
        ("siren: Siren\nsiren: Alarm\n", "labels.yaml: .* line 2: .*duplicate key"),
        (b"siren: \xff\n", "labels.yaml: .*UTF-8"),
        (None, "labels.yaml: no such mapping of labels"),
    ],
)
def test_a_malformed_mapping_is_named_with_its_line(text, message, tmp_path):
    path = tmp_path / "labels.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as raised:
        read_mapping(path, ["siren", "drilling"])
    assert "\n" not in str(raised.value)


def test_no_shared_label_is_told_with_the_labels_of_both():
    with pytest.raises(InputError, match=r"\(siren\) and the dataset's \(Dog\) have none"):
        match_labels([LabelPair("siren", "Siren")], ["siren"], ["Dog"])
