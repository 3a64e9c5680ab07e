"""Speech recognisers behind one interface: a file each."""
