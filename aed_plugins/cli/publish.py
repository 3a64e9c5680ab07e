"""Export a trained run as a folder ready for the Hub, or upload it.

    aed publish results/urbansound/resnet_dilated/1986/fold10 my_model --license cc-by-nc-4.0
    aed publish RUN owner/name --hub --license apache-2.0

The folder holds the weights, one YAML, the labels, thresholds, checksums and a model card with the
scores; it may be moved anywhere. Uploading takes a token, as `hf auth login` or HF_TOKEN gives it.
"""

import sys
from argparse import ArgumentParser, Namespace

from aed_plugins.core import InputError


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("run_folder", metavar="RUN", help="a finished run, or a fold of it")
    parser.add_argument("dest", metavar="DEST", help="a folder; with --hub, owner/name")
    parser.add_argument(
        "--license", required=True, help="the Hub's identifier, such as apache-2.0, cc-by-nc-4.0"
    )
    parser.add_argument("--title", help="of the model card")
    parser.add_argument("--training-data", help="what the card says of the data and its terms")
    parser.add_argument("--hub", action="store_true", help="upload to the Hugging Face Hub")
    parser.add_argument("--private", action="store_true", help="with --hub: for its owner only")
    parser.add_argument("--force", action="store_true", help="replace a model that is there")


def run(given: Namespace) -> int:
    """Publish the run."""
    from aed_plugins.pretrained import publish_model  # noqa: PLC0415  not for --help

    if given.private and not given.hub:
        raise InputError("--private goes with --hub: a folder here is as private as its place")
    where = publish_model(
        given.run_folder,
        given.dest,
        license=given.license,
        title=given.title,
        training_data=given.training_data,
        hub=given.hub,
        private=given.private,
        force=given.force,
    )
    sys.stdout.write(f"published: {where}\n")
    return 0
