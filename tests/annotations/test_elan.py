"""ELAN's files, against pympi."""

import pytest
from annotation_examples import STREET, UNSCORED, assert_refused
from pympi.Elan import Eaf

from aed_plugins.annotations import read_timeline
from aed_plugins.core import Event, Timeline


def test_pympi_reads_our_elan_file_and_we_read_its_own(files):
    document = Eaf(str(files / "street.eaf"))
    found = [
        Event(label, start / 1000, end / 1000)
        for tier in document.get_tier_ids_for_linguistic_type("event")
        for start, end, label in document.get_annotation_data_for_tier(tier)
    ]
    assert Timeline(found).events == UNSCORED
    scores = document.get_ref_annotation_data_for_tier("dog score")
    assert [(start, value) for start, _, value, _ in scores] == [(500, "0.9"), (3000, "1.0")]
    media = document.get_linked_files()[0]
    assert media["MEDIA_URL"] == media["RELATIVE_MEDIA_URL"] == "./my%20street.wav"
    document.to_file(str(files / "its.eaf"))
    assert read_timeline(files / "its.eaf") == STREET

    made = Eaf(author="")
    made.add_linked_file("/home/me/my talk.wav", relpath="../my talk.wav", mimetype="audio/x-wav")
    made.add_tier("speaker")
    made.add_annotation("speaker", 250, 1750, "laughs & <coughs>")
    made.to_file(str(files / "made.eaf"))
    expected = Timeline([Event("laughs & <coughs>", 0.25, 1.75)], "my talk.wav")
    assert read_timeline(files / "made.eaf") == expected


EAF = '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"/><TIME_ORDER>{}</TIME_ORDER>{}'
NOTE = (
    '<TIER><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a7" TIME_SLOT_REF1="t1"'
    ' TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>{}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
    "</ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
)
SLOTS = '<TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="9"/>\n<TIME_SLOT TIME_SLOT_ID="t2" {}/>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<a>\n<b></a>", r" line 2: expected EAF, which is XML: mismatched tag"),
        ("<TextGrid/>", r"expected an ANNOTATION_DOCUMENT in milliseconds, got TextGrid"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', r"got a document type declaration"),
        (EAF.format("", NOTE.format("a")), r" annotation a7: .*slot with a time, got t1"),
        (EAF.format(SLOTS.format(""), NOTE.format("a")), r" annotation a7: .*got t2; align"),
        (EAF.format(SLOTS.format('TIME_VALUE="x"'), NOTE.format("a")), r" time slot t2: .*got 'x'"),
        (EAF.format(SLOTS.format('TIME_VALUE="8"'), NOTE.format("a")), r" a7: expected 0 <="),
        (EAF.format(SLOTS.format('TIME_VALUE="9"'), NOTE.format("")), r" a7: expected a lab"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.eaf", content, message)
