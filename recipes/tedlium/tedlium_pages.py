"""The alignment pages of a run: a page for each talk, and one that lists them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tedlium_prepare import Corpus
from tqdm import tqdm

from aed_plugins.core import Event
from asr.pages.index import IndexEntry, write_index
from asr.pages.talk import write_alignment_page
from asr.scoring.score import Score

TITLE = "TED-LIUM: what was said against what was recognised"


def write_pages(
    folder: Path,
    corpus: Corpus,
    scores: Mapping[str, Mapping[str, Score]],
    events: Callable[[str, Path], Sequence[Event]],
    demonstration: bool,
) -> Path:
    """Write the pages.

    Parameters
    ----------
    folder : Path
        Where they are written, by experiment and set.
    corpus : Corpus
        The talks.
    scores : mapping
        By title, such as `tri, without annotations`, and by set: what was recognised.
    events : callable
        Gives what else is heard in a talk, of its name and its recording.
    demonstration : bool
        Whether the talks are synthesized.

    Returns
    -------
    Path
        The page that lists the others.
    """
    entries = []
    pages = [
        (title, part, talk)
        for title, by_set in scores.items()
        for part, score in by_set.items()
        for talk in score.per_talk
    ]
    for title, part, talk in tqdm(pages, desc="pages", unit="talk"):
        talks, score = corpus.talks[part], scores[title][part]
        group = f"{title}, {part}"
        page = folder / group.replace(", ", "-").replace(" ", "_") / f"{talk}.html"
        write_alignment_page(
            page,
            talk,
            score.of_talk(talk),
            reference=[segment for segment in talks.stm if segment.talk == talk],
            audio=talks.recordings[talk],
            events=events(talk, talks.recordings[talk]),
            notes={"Recognised": group, "Aligned by": score.engine},
            demonstration=demonstration,
        )
        entries.append(IndexEntry(group, talk, page, score.per_talk[talk]))
    index = folder / "index.html"
    write_index(index, entries, title=TITLE, notes={}, demonstration=demonstration)
    return index
