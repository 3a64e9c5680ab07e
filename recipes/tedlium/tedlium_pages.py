"""Write the alignment pages of a run: a page for each talk, and one that lists them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tedlium_prepare import TedliumCorpus
from tqdm import tqdm

from aed_plugins.core import Event
from asr.pages.index import IndexEntry, write_index
from asr.pages.talk import write_alignment_page
from asr.scoring.score import Score

TITLE = "TED-LIUM: reference and recognized words"


def write_pages(
    folder: Path,
    corpus: TedliumCorpus,
    scores: Mapping[str, Mapping[str, Score]],
    events: Callable[[str, Path], Sequence[Event]],
    demonstration: bool,
) -> Path:
    """Write the pages.

    Parameters
    ----------
    folder : Path
        Where they are written, by experiment and set.
    corpus : TedliumCorpus
        The talks.
    scores : mapping
        The scores by title, such as `tri, without tags`, and by set.
    events : callable
        Returns the other events of a talk, from its name and recording.
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
            score.select_talk(talk),
            reference=[segment for segment in talks.stm if segment.talk == talk],
            audio=talks.recordings[talk],
            events=events(talk, talks.recordings[talk]),
            notes={"Recognized": group, "Aligned by": score.engine},
            demonstration=demonstration,
        )
        entries.append(IndexEntry(group, talk, page, score.per_talk[talk]))
    index = folder / "index.html"
    write_index(index, entries, title=TITLE, notes={}, demonstration=demonstration)
    return index
