import json

import pytest

from aed_plugins.core import InputError
from aed_plugins.labels import PAPER_CLASSES, Ontology, read_ontology

# The ontology's own names and places for a few classes, two of which have two parents.
CLASSES = {
    "/m/0dgw9r": ("Human sounds", ["/m/09l8g", "/t/dd00012"]),
    "/m/09l8g": ("Human voice", ["/m/0463cq4", "/m/07p6fty"]),
    "/m/0463cq4": ("Crying, sobbing", ["/t/dd00002"]),
    "/t/dd00002": ("Baby cry, infant cry", []),
    "/m/07p6fty": ("Shout", ["/t/dd00135"]),
    "/t/dd00012": ("Human group actions", ["/t/dd00135"]),
    "/t/dd00135": ("Children shouting", []),
}
TAGGED = ["/m/07p6fty", "/m/0463cq4", "/t/dd00002", "/t/dd00135"]


@pytest.fixture
def labels(tmp_path):
    rows = [f'{index},{mid},"{CLASSES[mid][0]}"' for index, mid in enumerate(TAGGED)]
    path = tmp_path / "class_labels_indices.csv"
    path.write_text("\n".join(["index,mid,display_name", *rows, ""]))
    return path


def write_ontology(folder, classes):
    path = folder / "ontology.json"
    entries = [{"id": mid, "name": n, "child_ids": below} for mid, (n, below) in classes.items()]
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def ontology(labels, tmp_path):
    return read_ontology(labels, write_ontology(tmp_path, CLASSES))


def test_baby_cry_counts_for_crying(ontology):
    chosen = ontology.choose(["Shout", "Crying, sobbing"])
    assert ontology.counted_for("/t/dd00002", chosen) == [1]


def test_crying_does_not_count_for_baby_cry(ontology):
    assert ontology.counted_for("/m/0463cq4", ["/t/dd00002"]) == []


def test_a_label_counts_for_itself_and_for_a_chosen_ancestor_at_once(ontology):
    chosen = ontology.choose(["Baby cry, infant cry", "Crying, sobbing"])
    assert ontology.counted_for("/t/dd00002", chosen) == [0, 1]


def test_a_class_with_two_parents_counts_for_both_and_for_their_parent_once(ontology):
    names = {ontology.names[mid] for mid in ontology.ancestors("/t/dd00135")}
    assert names == {
        "Children shouting",
        "Shout",
        "Human group actions",
        "Human voice",
        "Human sounds",
    }
    assert ontology.counted_for("/t/dd00135", ["/m/0dgw9r"]) == [0]


def test_without_an_ontology_labels_count_for_themselves_alone(labels):
    alone = read_ontology(labels, None)
    assert alone.ancestors("/t/dd00002") == {"/t/dd00002"}
    assert list(alone.names) == list(alone.tagged) == TAGGED


def test_a_class_that_no_clip_is_labelled_with_can_be_chosen(ontology):
    assert ontology.choose(["Human voice"]) == ["/m/09l8g"]
    assert "/m/09l8g" not in ontology.tagged


def test_classes_are_chosen_by_name_in_any_case_and_by_mid_in_the_order_given(ontology):
    chosen = ontology.choose(["crying, SOBBING", "/t/dd00135", " Shout"])
    assert chosen == ["/m/0463cq4", "/t/dd00135", "/m/07p6fty"]


def test_a_single_name_is_one_class_not_its_letters(ontology):
    assert ontology.choose("Crying, sobbing") == ["/m/0463cq4"]


def test_the_label_table_s_spelling_wins(labels, tmp_path):
    labels.write_text(labels.read_text().replace('"Shout"', '"Shouting"'))
    ontology = read_ontology(labels, write_ontology(tmp_path, CLASSES))
    assert ontology.names["/m/07p6fty"] == "Shouting"


def test_the_paper_s_classes_are_ten_different_names():
    assert len({name.lower() for name in PAPER_CLASSES}) == 10


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["Shuot"], r"--classes: expected a class of .*got 'Shuot'; did you mean 'Shout'\?"),
        (["quartz"], r"got 'quartz'; it has 'Shout', 'Crying, sobbing', .*"),
        (["Shout", "/m/07p6fty"], r"Shout \(/m/07p6fty\) is chosen a second time"),
        ([], "got none; name some in --classes"),
        ([3], "got '3'"),
    ],
)
def test_a_wrong_choice_is_named(ontology, classes, message):
    with pytest.raises(InputError, match=message) as caught:
        ontology.choose(classes)
    assert "\n" not in str(caught.value)


def test_a_name_of_two_classes_must_be_chosen_by_mid():
    twice = Ontology("here", {"/m/1": "Howl", "/m/2": "howl"}, (), {})
    with pytest.raises(InputError, match=r"'Howl' is /m/1 and /m/2; choose by MID"):
        twice.choose(["Howl"])
    assert twice.choose(["/m/2"]) == ["/m/2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,mid\n0,/m/1\n", "expected columns index, mid, display_name, got index, mid"),
        ("", "expected columns .* got none"),
        ("index,mid,display_name\n", "expected classes, found none"),
        ("index,mid,display_name\n0,/m/1,a\n1,/m/1,b\n", "line 3: /m/1 is listed a second time"),
        ("index,mid,display_name\n0,/m/1\n", "line 2: expected a MID and a name"),
        ("index,mid,display_name\n0,,a\n", "line 2: expected a MID and a name"),
        (b"\xff\xfe\x00", "expected a CSV table in UTF-8"),
    ],
)
def test_a_malformed_label_table_is_named_by_line(tmp_path, text, message):
    path = tmp_path / "class_labels_indices.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=f"class_labels_indices.csv.*{message}"):
        read_ontology(path, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected AudioSet's ontology as JSON"),
        ("{}", "expected a list of classes, got dict"),
        ("[]", "expected a list of classes"),
        ('[{"id": "/m/1", "name": "a"}]', "entry 1: expected id, name and child_ids"),
        ("[7]", "entry 1: expected id, name and child_ids"),
        ('[{"id": 1, "name": "a", "child_ids": []}]', "entry 1: expected id"),
    ],
)
def test_an_ontology_file_that_is_none_is_named(labels, tmp_path, text, message):
    (tmp_path / "ontology.json").write_text(text)
    with pytest.raises(InputError, match=rf"ontology\.json.*{message}"):
        read_ontology(labels, tmp_path / "ontology.json")


def test_an_ontology_with_a_circle_or_an_unknown_child_is_refused(labels, tmp_path):
    circle = {**CLASSES, "/t/dd00002": ("Baby cry, infant cry", ["/m/09l8g"])}
    with pytest.raises(InputError, match="is its own ancestor"):
        read_ontology(labels, write_ontology(tmp_path, circle))
    unknown = {**CLASSES, "/t/dd00002": ("Baby cry, infant cry", ["/m/none"])}
    with pytest.raises(InputError, match=r"Baby cry.* has the child /m/none, which is not there"):
        read_ontology(labels, write_ontology(tmp_path, unknown))


def test_a_class_listed_twice_in_the_ontology_is_refused(labels, tmp_path):
    path = write_ontology(tmp_path, CLASSES)
    entries = json.loads(path.read_text())
    path.write_text(json.dumps([*entries, entries[0]]))
    with pytest.raises(InputError, match=r"entry 8: /m/0dgw9r is listed a second time"):
        read_ontology(labels, path)


def test_missing_files_say_where_to_get_them(labels, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: no such file; .*research\.google\.com"):
        read_ontology(tmp_path / "none.csv", None)
    with pytest.raises(InputError, match=r"none\.json: no such file; .*github\.com"):
        read_ontology(labels, tmp_path / "none.json")
