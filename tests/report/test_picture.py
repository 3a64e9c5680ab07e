"""The picture for a paper."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from recording_report import duration_of, report

from aed_plugins.core import InputError
from aed_plugins.report import write_picture
from aed_plugins.report.recording import LIGHT_COLORS


def test_picture_shows_recordings_below_each_other(tmp_path):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    write_picture(one, [report(Path("a.wav"))])
    write_picture(two, [report(Path("a.wav")), report(Path("b.wav"), duration=9000.0)])
    assert Image.open(one).width == Image.open(two).width == 1440
    assert Image.open(two).height > 1.8 * Image.open(one).height
    pixels = np.asarray(Image.open(one).convert("RGB")).reshape(-1, 3)
    blue = [int(LIGHT_COLORS[0][place : place + 2], 16) for place in (1, 3, 5)]
    assert (pixels == blue).all(axis=1).sum() > 1000  # the bar and the event


def test_texts_of_a_picture_do_not_overlap(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: kept.append(figure))
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: None)
    labels = ("Male speech, man speaking", "Incidental music of the opening", "$x$ " * 20)
    entries = [
        duration_of(label, seconds=4000.0, events=1234, interval=(3000.0, 4100.0))
        for label in labels
    ]
    own = report(Path("a.wav"), duration=9000.0, labels=labels, durations=entries)
    write_picture(tmp_path / "a.png", [own, report(Path("b.wav"))])
    figure = kept[0]
    figure.canvas.draw()
    texts = [axes.title for axes in figure.axes] + [axes.yaxis.label for axes in figure.axes]
    texts += [text for axes in figure.axes for text in axes.texts]
    texts += [axes.xaxis.label for axes in figure.axes] + [axes._left_title for axes in figure.axes]
    texts += [
        tick.label1
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if tick.label1.get_visible()
    ]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert len(boxes) > 20
    for place, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y0 >= 0
        for other in boxes[:place]:
            assert not box.shrunk(0.9, 0.9).overlaps(other)


def test_too_many_recordings_for_a_picture_are_refused(tmp_path):
    with pytest.raises(InputError, match="into 300 inches, got 200 that take 478"):
        write_picture(tmp_path / "a.png", [report(Path("a.wav"))] * 200)


def test_a_picture_of_no_recording_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one recording to draw, got none"):
        write_picture(tmp_path / "a.png", [])
