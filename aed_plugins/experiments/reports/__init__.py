"""Reports of a run: predictions, table and pictures, by the kind of task."""
