"""Tasks: what differs between one label per clip and several."""
