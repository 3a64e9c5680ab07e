"""The datasets that come along, each in a file or folder of its own."""
