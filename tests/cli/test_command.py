"""All commands: help, errors in one line, and files that are not overwritten."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aed_plugins.annotations import write_timeline
from aed_plugins.cli.command import COMMANDS, main
from aed_plugins.core import Event, Timeline


def test_help_and_import_of_the_command_load_nothing_heavy():
    program = (
        "import sys; from aed_plugins.cli import main\n"
        "try: main(['tag', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'speechbrain', 'matplotlib', 'soundfile'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage: aed tag" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_begins_with_what_it_does(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: aed {name} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tag", "talks/a.wav"], "the following arguments are required: --model"),
        (["tag", "talks/a.wav", "--model", "nowhere"], "nowhere"),
        (["tag", "empty*.wav", "--model", "{model}"], "empty*.wav: no file is called so"),
        (["tag", "@list", "--model", "{model}"], "there is no such file"),
        (["tag", "talks/a.wav", "--model", "{model}", "--top", "0"], "--top: expected 1 or more"),
        (["tag", "talks/a.wav", "--model", "{model}", "--output", "t.xls"], "expected a .csv or"),
        (["tag", "talks/a.wav", "--model", "{model}", "--classes", "cat"], "nothing of 'cat'"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--threshold", "2"], "in [0, 1]"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--hop", "0.3"], "whole number of hops"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--settings", "no.json"], "no.json"),
        (["timeline", "talks/a.wav", "--model", "{model}", "--output", "list.txt/x"], "list.txt"),
        (["search", "talks/a.wav", "nowhere", "--model", "{model}"], "nowhere: expected a folder"),
        (["search", "talks/a.wav", "talks", "--model", "{model}", "--start", "9"], "ends before 9"),
        (["search", "talks/a.wav", "--model", "{model}"], "expected FOLDER, or --index"),
        (["search", "talks/a.wav", "--index", "x", "--model", "{model}"], "x: expected embeddings"),
        (["export", "{model}", "model.pt"], "model.pt: expected a name that ends in .onnx"),
        (["publish", "{model}", "x", "--license", "mit", "--private"], "--private goes with --hub"),
        (["summary", "talks", "--window", "1"], "give --model to tag recordings"),
        (["tag", "talks/a.wav", "--model", "{model}", "--device", "cuda:9"], "device: cuda:9"),
        (
            ["embed", "talks", "--model", "{model}", "--output", "x", "--hop", "1"],
            "goes with --window",
        ),
        (["summary", "talks", "--median", "1"], "give --model to tag recordings"),
        (
            ["timeline", "talks", "--model", "{model}", "--format", "csv"],
            "give a folder as --output",
        ),
        (["score", "talks/a.wav", "--reference", "list.txt", "--segment", "0"], "error: "),
        (["tag", "@list.txt", "--model", "{model}"], "the list names itself"),
        (["dance"], "invalid choice: 'dance'"),
        (["report", "talks/bad.wav", "--model", "{model}"], "no recording is left to report on"),
    ],
)
def test_an_error_is_printed_in_one_line(aed, folder, model, arguments, message):
    Path("list.txt").write_text("talks/a.wav\n@list.txt\n")
    before = sorted(folder.rglob("*"))
    status, _, err = aed(*[argument.replace("{model}", model) for argument in arguments])
    assert status == 1
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert message in err
    assert len(lines) <= 2
    assert "Traceback" not in err
    assert sorted(folder.rglob("*")) == before


def test_no_command_overwrites_what_it_reads_or_what_a_person_wrote(aed, folder, model):
    before = Path("talks/a.wav").read_bytes()
    os.link("talks/a.wav", "a.html")
    write_timeline("talks/a.csv", Timeline((Event("dog", 0.0, 1.0),), "a.wav"))
    mine = Path("talks/a.csv").read_bytes()
    common = ("talks/a.wav", "--model", model)
    for arguments, message in (
        (("report", *common, "--output", "a.html"), "a.html is read by the command"),
        (("report", *common, "--output", "a.wav"), "a.wav: expected the name of a file in .html"),
        (
            ("report", *common, "--output", "p.html", "--png", "a.jpg"),
            "a.jpg: expected the name of a file in .png",
        ),
        (("timeline", *common, "--output", "talks/a.csv"), "talks/a.csv is there already"),
        (("timeline", *common, "--output", "a.xyz"), "a.xyz: expected the name of a file in"),
        (("summary", *common, "--output", "a.wav"), "a.wav: expected the name of a file in .txt"),
        (("tune", *common, "--output", "talks/a.csv"), "expected the name of a file in .json"),
        (("tune", *common, "--output", "talks"), "talks: expected a JSON file or a model's folder"),
    ):
        status, _, err = aed(*arguments)
        assert status == 1
        assert message in err
    assert Path("talks/a.wav").read_bytes() == before
    assert Path("talks/a.csv").read_bytes() == mine


def test_a_reader_that_goes_away_is_no_error(folder, model):
    command = f"{sys.executable} -m aed_plugins.cli check-audio talks | head -0"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
