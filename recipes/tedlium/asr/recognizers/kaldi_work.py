"""Make a work folder for Kaldi's own scripts, and run them in it.

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
from asr.recognizers.kaldi_programs import SCRIPTS, check_shell_safe

_MFCC = "--use-energy=false\n--sample-frequency=16000\n--allow-downsample=true\n"

# Lines that surely, and that perhaps, report an error.
_ERROR_PATTERNS = (
    re.compile(r"ERROR|command not found|No space left|Killed|Segmentation fault|shared libraries"),
    re.compile(r"[Ee]rror|[Cc]annot|[Nn]o such file|[Nn]ot found|[Ii]nvalid"),
)


def format_path_script(root: Path) -> str:
    """Format the `path.sh` that Kaldi's scripts read, for programs under a root.

    Parameters
    ----------
    root : Path
        Kaldi's folder.

    Examples
    --------
    >>> print(format_path_script(Path("/opt/kaldi")).splitlines()[0])
    export KALDI_ROOT=/opt/kaldi
    """
    return "\n".join(
        (
            f"export KALDI_ROOT={shlex.quote(str(root))}",
            '[ ! -f "$KALDI_ROOT/tools/env.sh" ] || . "$KALDI_ROOT/tools/env.sh"',
            'export PATH="$PWD/utils:$KALDI_ROOT/tools/openfst/bin:$PATH"',
            '. "$KALDI_ROOT/tools/config/common_path.sh"',
            "export LC_ALL=C",
            "export OMP_NUM_THREADS=1  # a job is one thread: several jobs run at a time",
            "",
        )
    )


@dataclass(frozen=True)
class KaldiWorkFolder:
    """A folder where Kaldi's scripts run: links to them, settings, data, models and logs.

    Attributes
    ----------
    folder : Path
        Absolute, without spaces; see `check_shell_safe`.
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
        check_shell_safe(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("steps", "utils"):
            link = self.folder / name
            if link.is_symlink():
                link.unlink()  # Kaldi may be in another folder now
            link.symlink_to(self.root / SCRIPTS / name)
        for path, text in (
            (self.folder / "path.sh", format_path_script(self.root)),
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
            If it fails; the message names the stage, the error line of its newest logs, and that
            log.
        """
        program = Path(command[0]).stem
        log = self.folder / "log" / f"{stage}-{program}.log"
        began = time.time()
        in_path = ("bash", "-c", '. ./path.sh && "$@"', program, *command)
        try:
            run_program(in_path, log, folder=self.folder)
        except InputError as error:
            # `run_program` names the log at the end of its message.
            line, where = find_error_line(self.folder, began) or (
                str(error).split("; its log")[0],
                log,
            )
            raise InputError(
                f"Kaldi's stage {stage} failed in {program}: {line}; its log: {where}; "
                "run the same command again when this is fixed: earlier stages are kept"
            ) from error


def find_error_line(folder: Path, since: float) -> tuple[str, Path] | None:
    """Find the line of the logs that reports an error.

    Parameters
    ----------
    folder : Path
        Logs are looked for in it and below.
    since : float
        Older logs are ignored (seconds since the epoch).

    Returns
    -------
    tuple of str and Path or None
        The first line that reports an error in the newest log, and that log.
    """
    # A second earlier: file systems round times.
    logs = [path for path in folder.rglob("*.log") if path.stat().st_mtime >= since - 1]
    # The logs of single jobs are more specific than that of the script that started them.
    logs.sort(key=lambda path: (path.parent != folder / "log", path.stat().st_mtime), reverse=True)
    for pattern, path in product(_ERROR_PATTERNS, logs):
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            if pattern.search(line) and not line.startswith("#"):
                return " ".join(line.split())[:200], path
    return None
