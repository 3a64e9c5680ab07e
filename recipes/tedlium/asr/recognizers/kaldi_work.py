"""A work folder for Kaldi's own scripts, and how a script is run in it.

Nothing of Kaldi is copied: `steps` and `utils` are links into `KALDI_ROOT/egs/wsj/s5`.
"""

import re
import shlex
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from aed_plugins.core import InputError, atomic_write
from asr.execution.programs import run_program
from asr.recognizers.kaldi_programs import SCRIPTS, check_no_space

_MFCC = "--use-energy=false\n--sample-frequency=16000\n--allow-downsample=true\n"

# What programs say when they fail: surely, and perhaps.
_TELLING = (
    re.compile(r"ERROR|command not found|No space left|Killed|Segmentation fault|shared libraries"),
    re.compile(r"[Ee]rror|[Cc]annot|[Nn]o such file|[Nn]ot found|[Ii]nvalid"),
)


def path_script(root: Path) -> str:
    """Write the `path.sh` that Kaldi's scripts read, for programs under a root.

    Parameters
    ----------
    root : Path
        Kaldi's folder.

    Examples
    --------
    >>> print(path_script(Path("/opt/kaldi")).splitlines()[0])
    export KALDI_ROOT=/opt/kaldi
    """
    return "\n".join(
        (
            f"export KALDI_ROOT={shlex.quote(str(root))}",
            '[ ! -f "$KALDI_ROOT/tools/env.sh" ] || . "$KALDI_ROOT/tools/env.sh"',
            'export PATH="$PWD/utils:$KALDI_ROOT/tools/openfst/bin:$PATH"',
            '. "$KALDI_ROOT/tools/config/common_path.sh"',
            "export LC_ALL=C",
            "export OMP_NUM_THREADS=1  # a job is one thread: jobs are what runs side by side",
            "",
        )
    )


@dataclass(frozen=True)
class WorkFolder:
    """Where Kaldi's scripts run: links to them, settings, data, models and logs.

    Attributes
    ----------
    folder : Path
        Absolute, without spaces; see `check_no_space`.
    root : Path
        Kaldi's folder.
    """

    folder: Path
    root: Path

    def prepare(self) -> None:
        """Make the folder, its links and its settings; what is there stays.

        Raises
        ------
        InputError
            If the path has a space.
        """
        check_no_space(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("steps", "utils"):
            link = self.folder / name
            if link.is_symlink():
                link.unlink()  # Kaldi may have moved
            link.symlink_to(self.root / SCRIPTS / name)
        for path, text in (
            (self.folder / "path.sh", path_script(self.root)),
            (self.folder / "conf" / "mfcc.conf", _MFCC),
        ):
            with atomic_write(path) as temporary:
                temporary.write_text(text, encoding="utf-8")

    def run(self, stage: str, *command: str | Path) -> None:
        """Run a script or a program of Kaldi's in this folder.

        Parameters
        ----------
        stage : str
            The stage's name, for its log `log/<stage>-<program>.log` and for messages.
        *command : str or Path
            The program and its arguments.

        Raises
        ------
        InputError
            If it fails: the stage, the most telling line of its newest logs, and that log.
        """
        program = Path(command[0]).stem
        log = self.folder / "log" / f"{stage}-{program}.log"
        began = time.time()
        in_path = ("bash", "-c", '. ./path.sh && "$@"', program, *command)
        try:
            run_program(in_path, log, folder=self.folder)
        except InputError as error:
            # `run_program` names the log itself, at the end.
            said, where = telling_line(self.folder, began) or (
                str(error).split("; its log")[0],
                log,
            )
            raise InputError(
                f"Kaldi's stage {stage} failed in {program}: {said}; its log: {where}; "
                "run the same command again when this is mended: earlier stages are kept"
            ) from error


def telling_line(folder: Path, since: float) -> tuple[str, Path] | None:
    """Find the line of the logs that says most about a failure.

    Parameters
    ----------
    folder : Path
        Logs are looked for in it and below.
    since : float
        Logs that were not written after this time (seconds since the epoch) are passed over.

    Returns
    -------
    tuple of str and Path or None
        The first line that tells of an error in the log that was written last, and that log.
    """
    # A second earlier: file systems round times.
    logs = [path for path in folder.rglob("*.log") if path.stat().st_mtime >= since - 1]
    # The logs of single jobs say more than that of the script that started them.
    logs.sort(key=lambda path: (path.parent != folder / "log", path.stat().st_mtime), reverse=True)
    for telling, path in product(_TELLING, logs):
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            if telling.search(line) and not line.startswith("#"):
                return " ".join(line.split())[:200], path
    return None
