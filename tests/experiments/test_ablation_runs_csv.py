"""The file of an ablation's rows: nothing in it is lost, and damage is told."""

import multiprocessing

import pytest
from ablation_row import row
from hypothesis import given, strategies as st

from aed_plugins.core import InputError
from aed_plugins.experiments.ablation.run import Key, from_hex, to_hex
from aed_plugins.experiments.ablation.runs_csv import append_row, read_rows

COLUMNS = (
    "variant,configuration,fold,seed,data,clips,train_folds,accuracy,seconds,threads,device,"
    "clips_digest,right"
)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_right_clips_survive_the_file(right):
    assert from_hex(to_hex(right), len(right)).tolist() == right


def test_rows_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "new/rows.csv"
    rows = [row(1, variant='with, comma and "quotes"'), row(2, right=[True] * 9)]
    for each in [*rows, row(1, right=(0, 0, 0, 0))]:  # a run that is there is not added
        append_row(path, each)
    assert list(read_rows(path).values()) == rows
    assert path.read_text().splitlines()[0] == COLUMNS
    assert {name.name for name in path.parent.iterdir()} == {"rows.csv", ".rows.csv.lock"}


def test_what_is_in_the_file_stays_as_it_is(tmp_path):
    path = tmp_path / "rows.csv"
    append_row(path, row(1))
    by_hand = path.read_text().replace("0.5", "0.500").rstrip("\n")
    path.write_text(by_hand)
    append_row(path, row(2))
    assert path.read_text().startswith(by_hand + "\n")
    assert set(read_rows(path)) == {Key("0" * 12, 1, 1), Key("0" * 12, 2, 1)}


def test_rows_of_several_processes_are_all_kept(tmp_path):
    def add(start):
        for seed in range(start, start + 20):
            append_row(tmp_path / "rows.csv", row(1, seed))

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=add, args=(100 * n,)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    seeds = {key.seed for key in read_rows(tmp_path / "rows.csv")}
    assert seeds == {100 * n + k for n in range(3) for k in range(20)}


GOOD = "v,000000000000,1,1,complete,4,2 3,0.5,10.0,1,cpu,000000000001,c0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: expected the columns variant, .*, got nothing"),
        ("a,b\n", "row 1: expected the columns variant, .*, got a, b"),
        (f"{COLUMNS}\n{GOOD}\n<<<<<<< HEAD\n", "row 3: expected 13 cells, got 1"),
        (f"{COLUMNS}\n{GOOD[:-9]}\n", "row 2: expected 13 cells, got 12"),
        (f"{COLUMNS}\n{GOOD},\n", "row 2: expected 13 cells, got 14"),
        (f"{COLUMNS}\n{GOOD.replace(',1,1,', ',x,1,')}\n", "row 2: fold: expected a whole number"),
        (f"{COLUMNS}\n{GOOD.replace('0.5', 'half')}\n", "accuracy: expected a number, got 'half'"),
        (f"{COLUMNS}\n{GOOD.replace('0.5', '0.75')}\n", "accuracy is 0.75, but of the clips 0.5"),
        (f"{COLUMNS}\n{GOOD.replace('0.5', 'nan')}\n", "accuracy is nan, but"),
        (f"{COLUMNS}\n{GOOD.replace('c0', 'c8')}\n", "row 2: expected the bits of 4 clips, got"),
        (f"{COLUMNS}\n{GOOD.replace('c0', 'c000')}\n", "expected the bits of 4 clips, got 2 bytes"),
        (f"{COLUMNS}\n{GOOD.replace('c0', 'zz')}\n", "row 2: .*hex"),
        (f"{COLUMNS}\n{GOOD.replace('complete', 'whole')}\n", "data: expected complete, partial"),
        (f"{COLUMNS}\n{GOOD.replace('000001', '1')}\n", "clips_digest: expected 12 hexadecimal"),
        (f"{COLUMNS}\n{GOOD.replace('2 3', '')}\n", "row 2: expected clips, folds to train on"),
        (b"\xff\xfe", "expected a CSV file in UTF-8"),
        (f'{COLUMNS}\n"{"x" * 200_000}', "expected a CSV file in UTF-8: field larger than"),
        (
            f"{COLUMNS}\n{GOOD}\n{GOOD.replace(',1,1,', ',2,1,').replace('complete', 'partial')}\n",
            "v is there on complete data, .*, but on fold 2 with seed 1 on partial data",
        ),
    ],
)
def test_a_damaged_file_is_told_with_its_row(tmp_path, text, message):
    path = tmp_path / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=rf"rows\.csv.*{message}") as error:
        read_rows(path)
    assert "\n" not in str(error.value)
