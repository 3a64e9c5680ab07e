"""Running other programs, in stages that are each done once."""
