"""The command `aed`. Nothing heavy is imported before a command runs."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from aed_plugins.core import InputError, Parser, one_line

COMMANDS = {
    "tag": "predict the classes of recordings",
    "timeline": "detect which sound events occur in recordings, and when",
    "summary": "add up how long and how often each class occurs",
    "report": "make an interactive page of recordings and their events",
    "embed": "write embeddings over time",
    "search": "find the segments that are most similar to a recording",
    "tune": "fit a model's thresholds and durations to annotated recordings",
    "score": "evaluate timelines against annotations",
    "publish": "export a trained run as a folder for the Hub, or upload it",
    "export": "write a model as one ONNX file",
    "check-audio": "find recordings that cannot be used",
}
INTERRUPTED = 130


def parser() -> Parser:
    """Describe the command line."""
    what = Parser(
        prog="aed", description="Audio event detection: which sound events occur, and when."
    )
    commands = what.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about in COMMANDS.items():
        module = importlib.import_module(f"aed_plugins.cli.{name.replace('-', '_')}")
        command = commands.add_parser(
            name,
            help=about,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return what


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the command line.

    Returns
    -------
    int
        0 if all went well, 1 after an error (printed in one line) or if a file was skipped, 130
        when interrupted.
    """
    try:
        given = parser().parse_args(arguments)
        return given.run(given) or 0
    except BrokenPipeError:  # such as `aed tag ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (InputError, OSError) as error:
        return _fail(one_line(error))
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED


def _fail(line: str) -> int:
    sys.stderr.write(f"error: {line}\n")
    return 1


def command() -> None:
    """Run the command line's command and exit with its status."""
    sys.exit(main())
