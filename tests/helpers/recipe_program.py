"""Recipes, run as a user runs them, with a network and a training small enough for a test."""

from pathlib import Path

from programs import Program, run_python, run_together

ROOT = Path(__file__).resolve().parents[2]
URBANSOUND_RECIPE = ROOT / "recipes/urbansound/train.py"
AUDIOSET_RECIPE = ROOT / "recipes/audioset/train.py"
# The rest is what hparams/ says.
TINY = ("--encoder={width: 0.0625}", "--number_of_epochs=2", "--batch_size=8", "--noprogressbar")


class Recipe:
    """A recipe on its tiny corpus, in a folder of its own."""

    def __init__(self, folder, program, options):
        self.folder = folder
        self.program = program
        self.options = (*TINY, "--output_folder=out", *options)
        self.environment = {}  # what is read when modules are imported

    def arguments(self, *overrides, hparams="resnet_dilated"):
        """Return the command line after `python`; overrides replace the usual options."""
        given = {override.split("=")[0] for override in overrides}
        options = [option for option in self.options if option.split("=")[0] not in given]
        return [str(self.program), str(ROOT / f"hparams/{hparams}.yaml"), *options, *overrides]

    def python(self, *arguments, processes=1, check=None):
        """Run Python to its end; check its status if one is given."""
        if processes > 1:
            done = run_together(arguments, self.folder, processes)
        elif arguments[0].startswith("-") or self.environment:
            done = run_python(arguments, self.folder, **self.environment)
        else:
            done = Program(arguments, self.folder).end()
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    def __call__(self, *overrides, hparams="resnet_dilated", launcher=(), processes=1, check=None):
        """Run the recipe to its end."""
        arguments = [*launcher, *self.arguments(*overrides, hparams=hparams)]
        return self.python(*arguments, processes=processes, check=check)
