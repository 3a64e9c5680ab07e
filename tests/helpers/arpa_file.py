"""What the tests of language models share: all entries of an ARPA file."""

from collections import Counter
from pathlib import Path

from asr.formats.arpa import read_arpa


def read_entries(path):
    """Read the log probability and weight of each entry, by its words, and check the form."""
    found, order, sizes = {}, 0, Counter()
    for line in Path(path).read_text().split("\n"):
        if line.endswith("-grams:"):
            order = int(line[1:].split("-")[0])
        elif order and line and not line.startswith("\\"):
            fields = line.split("\t")
            words = tuple(fields[1].split(" "))
            assert len(words) == order
            found[words] = float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0
            sizes[order] += 1
    assert tuple(sizes[each] for each in sorted(sizes)) == read_arpa(path).counts
    return found
