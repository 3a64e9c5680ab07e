import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_the_example_runs_and_prints_what_it_says(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102  the README's own lines
    promised = re.search(r"print\(.*\)  # (.*)", code).group(1)
    assert capsys.readouterr().out.strip() == promised


def test_the_files_it_names_are_there():
    named = re.findall(r"(?<![$\w./])[\w./]+\.(?:yaml|py|md)", README)
    places = [ROOT, ROOT / "aed_plugins", ROOT / "recipes"]
    assert len(named) > 10
    assert not [n for n in named if not any((place / n).exists() for place in places)]


def test_its_two_commands_are_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)$", README, re.MULTILINE):
        assert f"\n{target}:" in makefile
    assert "recipes/urbansound/train.py hparams/resnet_dilated.yaml\n" in makefile
