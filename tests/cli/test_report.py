"""`aed report`: a page and a picture, whole or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_report_writes_a_page_and_a_picture(aed, folder, model):
    arguments = ("--model", model, "--output", "page.html", "--png", "page.png")
    status, out, err = aed("report", "talks", *arguments)
    assert status == 1
    assert "skipped: talks/bad.wav" in err
    assert out.splitlines() == ["look at:", "  page.html", "  page.png"]
    page = Path("page.html").read_text()
    assert json.dumps("deep/ü b.flac") in page
    assert Path("page.png").read_bytes().startswith(b"\x89PNG")


def test_a_full_disk_leaves_nothing_half_written(folder, model):
    """No file may grow beyond 30 kB: a page does not fit, the journal of tags does."""
    program = (
        "import resource, sys; from aed_plugins.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)); sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "report", "talks/a.wav", "--model", model],
        capture_output=True,
        text=True,
        check=False,
        # The measuring of coverage, too, would write a file.
        env={k: v for k, v in os.environ.items() if "COVERAGE" not in k} | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["error: a.html: File too large: make room and try again"]
    assert not list(folder.glob("*.html"))
    assert not list(folder.glob(".*"))
