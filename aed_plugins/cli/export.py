"""Write a model as one ONNX file, from the waveform to probabilities.

    aed export MODEL [MODEL ...] model.onnx

The file is checked against PyTorch before it is left there. Labels, thresholds and the sample rate
are in its metadata; batch and length are free. --model takes the file wherever it takes a model.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from aed_plugins.cli.models import load
from aed_plugins.core import InputError


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="+",
        help="as --model of the other commands; of several the mean is exported",
    )
    parser.add_argument("file", metavar="FILE.onnx", type=Path, help="the file to write")
    parser.add_argument("--trust-remote-code", action="store_true", help="as for --model")


def run(given: Namespace) -> int:
    """Export the model."""
    if given.file.suffix != ".onnx":
        raise InputError(f"{given.file}: expected a name that ends in .onnx")
    given.classes, given.device, given.no_progress = None, "cpu", True
    tagger = load(given)
    tagger.export_onnx(given.file)
    size = given.file.stat().st_size / 1e6
    sys.stdout.write(f"{given.file}: {size:.1f} MB, checked against PyTorch\n")
    return 0
