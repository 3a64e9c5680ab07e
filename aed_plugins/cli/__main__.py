"""Run as `python -m aed_plugins.cli`, where the command `aed` is not installed."""

from aed_plugins.cli.command import command

command()
