import re
from pathlib import Path

import numpy as np
import soundfile
from programs import run_python
from tiny_model import write_model

from aed_plugins.data.synthetic.recording import build_demonstration_recording

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


USE, LISTEN, MODULES, TRAIN = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(code, names):
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  the README's own lines


def test_the_modules_example_runs_and_prints_what_it_says(capsys):
    run(MODULES, {})
    promised = re.search(r"print\(.*\)  # (.*)", MODULES).group(1)
    assert capsys.readouterr().out.strip() == promised


def test_the_examples_for_recordings_run_and_agree(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "results/demonstration/resnet_dilated")
    recording = tmp_path / "results/demonstration/synthesized_street.wav"
    build_demonstration_recording(recording, sounds=4, sample_rate=44100)
    names = {}
    run(USE, names)
    told = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert told
    waveform = soundfile.read(recording)[0]
    run(LISTEN, names | {"microphone": lambda: np.array_split(waveform, 29)})
    heard = re.findall(r"onset=([\d.]+), offset=([\d.]+)", capsys.readouterr().out)
    assert sorted(heard) == sorted((onset, offset) for *_, onset, offset, _ in told)


def test_the_training_example_is_short_learns_and_imports_faces_alone(tmp_path):
    assert len(TRAIN.splitlines()) <= 30
    faces = re.findall(r"^from (\S+) import", TRAIN, re.MULTILINE)
    assert all(len(face.split(".")) == 2 for face in faces)
    (tmp_path / "train.py").write_text(TRAIN)
    printed = run_python(["train.py"], tmp_path).stdout
    losses = [float(number) for number in re.search("losses: (.*)", printed)[1].split()]
    assert losses[-1] < losses[0] / 4
    assert float(re.search("accuracy: (.*)", printed)[1]) > 0.9


def test_the_files_it_names_are_there():
    named = re.findall(r'(?<![$\w./"])[\w./]+\.(?:yaml|py|md)', README)
    places = [ROOT, ROOT / "aed_plugins", ROOT / "recipes"]
    assert len(named) > 10
    assert not [n for n in named if not any((place / n).exists() for place in places)]


def test_its_two_commands_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)$", README, re.MULTILINE):
        assert f"\n{target}:" in makefile
    assert "recipes/urbansound/train.py hparams/resnet_dilated.yaml\n" in makefile
