from .command import command as command, main as main
