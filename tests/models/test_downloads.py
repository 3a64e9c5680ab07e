"""Downloads come from servers of the test's own on the loopback address."""

import hashlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from file_server import COMMIT, Server
from huggingface_hub import constants

from aed_plugins.core import InputError
from aed_plugins.models import ResNet, fetch_weights

OFFLINE = "the network is switched off by HF_HUB_OFFLINE"
CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.go_away()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """No test touches the user's cache, and no proxy stands between test and server."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AED_PLUGINS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def whole_files(cache):
    """List what a reader of the cache could take for a file of weights."""
    return [path.name for path in cache.glob("[!.]*") if path.suffix != ".lock"]


def in_processes(program, count=1, **environment):
    """Run a program in several processes at once."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert all(process.returncode == 0 for process in processes), outputs
    return [stdout.strip() for stdout, _ in outputs]


# A local file


def test_a_local_file_is_itself_and_the_tilde_is_home(tmp_path, monkeypatch):
    (tmp_path / "w.pth").write_bytes(CONTENT)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch_weights("~/w.pth", SHA256) == tmp_path / "w.pth"
    assert fetch_weights(tmp_path / "w.pth", SHA256[:8].upper()) == tmp_path / "w.pth"


def test_a_missing_local_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"w\.pth: no such file .* a URL or hf://owner/repo/file"):
        fetch_weights(tmp_path / "w.pth")


def test_a_local_file_of_another_digest_is_refused_with_both(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(CONTENT + b"x")
    found = hashlib.sha256(CONTENT + b"x").hexdigest()
    with pytest.raises(InputError, match=rf"w\.pth: expected SHA-256 {SHA256}, found {found}"):
        fetch_weights(path, SHA256)


@pytest.mark.parametrize("sha256", ["", "abc", 10086976, "g" * 64, "0" * 65])
def test_a_digest_that_is_none_is_refused(sha256, tmp_path):
    with pytest.raises(ValueError, match="8 to 64 hexadecimal digits"):
        fetch_weights(tmp_path, sha256)


def test_an_unknown_kind_of_source_is_refused():
    with pytest.raises(InputError, match=r"s3://bucket/w\.pth: expected a path, a URL"):
        fetch_weights("s3://bucket/w.pth")


def test_a_source_may_carry_its_checksum(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"abc")
    assert fetch_weights(f"{path}#sha256:ba7816bf8f01cfea") == path
    with pytest.raises(InputError, match=r"weights\.pth"):
        fetch_weights(f"{path}#sha256:0123456789")


# A URL


def test_a_url_is_downloaded_once_and_then_read_offline(server, cache, capfd):
    server.files["/release/w.pth"] = CONTENT
    path = fetch_weights(f"{server.url}/release/w.pth?download=1", SHA256)
    assert path.read_bytes() == CONTENT
    assert path.parent == cache
    assert path.name.endswith("-w.pth")
    assert "w.pth" in capfd.readouterr().err  # the progress bar
    server.go_away()
    assert fetch_weights(f"{server.url}/release/w.pth?download=1", SHA256) == path
    assert len(server.requests) == 1


def test_files_of_one_name_from_two_places_are_two_files(server):
    server.files |= {"/a/w.pth": b"a", "/b/w.pth": b"b"}
    first, second = (fetch_weights(f"{server.url}/{folder}/w.pth") for folder in "ab")
    assert (first.read_bytes(), second.read_bytes()) == (b"a", b"b")


def test_the_cache_follows_xdg_and_then_home(server, tmp_path, monkeypatch):
    server.files["/w.pth"] = CONTENT
    monkeypatch.delenv("AED_PLUGINS_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    at_home = fetch_weights(f"{server.url}/w.pth")
    assert at_home.parent == tmp_path / "home/.cache/aed_plugins/weights"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert fetch_weights(f"{server.url}/w.pth").parent == tmp_path / "xdg/aed_plugins/weights"


def test_offline_no_request_is_sent_and_what_is_cached_is_used(server, monkeypatch):
    server.files["/w.pth"] = CONTENT
    path = fetch_weights(f"{server.url}/w.pth")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch_weights(f"{server.url}/w.pth") == path
    with pytest.raises(InputError, match=f"the download failed: {OFFLINE}; without a"):
        fetch_weights(f"{server.url}/other.pth")
    assert len(server.requests) == 1


def test_a_file_that_is_not_there_is_one_line_that_says_what_to_do(server, cache):
    with pytest.raises(InputError) as caught:
        fetch_weights(f"{server.url}/w.pth")
    message = str(caught.value)
    assert message.startswith(f"{server.url}/w.pth: not in the cache ({cache}, see AED_PLUGINS_")
    assert "HTTP Error 404: Not Found" in message
    assert message.endswith("put the file anywhere and give its path instead")
    assert "\n" not in message
    assert not whole_files(cache)


def test_a_server_that_is_gone_is_one_line(server):
    server.go_away()
    with pytest.raises(InputError, match=r"w\.pth: not in the cache .* Connection refused"):
        fetch_weights(f"{server.url}/w.pth")


def test_a_download_that_breaks_off_leaves_nothing(server, cache):
    server.files["/truncated.pth"] = CONTENT
    size = len(CONTENT)
    with pytest.raises(InputError, match=rf"broke off after {size - 1000} of {size} bytes"):
        fetch_weights(f"{server.url}/truncated.pth")
    assert not whole_files(cache)


def test_a_download_of_another_digest_is_not_kept(server, cache):
    server.files["/w.pth"] = CONTENT
    with pytest.raises(
        InputError, match=rf"/w\.pth: expected SHA-256 {'0' * 64}, found {SHA256}: not kept"
    ):
        fetch_weights(f"{server.url}/w.pth", "0" * 64)
    assert not whole_files(cache)


def test_a_killed_download_leaves_nothing_that_looks_whole(server, cache):
    server.files["/truncated.pth"] = CONTENT
    program = (
        "import os, aed_plugins.models.downloads as w\n"
        "w.tqdm.update = lambda *arguments: os._exit(0)\n"  # in the midst of it
        f"w.fetch_weights('{server.url}/truncated.pth')"
    )
    in_processes(program)
    assert list(cache.glob(".*truncated*"))
    assert not whole_files(cache)


def test_a_tampered_copy_in_the_cache_is_named_and_deleting_it_helps(server):
    server.files["/w.pth"] = CONTENT
    path = fetch_weights(f"{server.url}/w.pth", SHA256)
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(InputError, match=rf"{path}: expected SHA-256 {SHA256}, .* delete it"):
        fetch_weights(f"{server.url}/w.pth", SHA256)
    path.unlink()
    assert fetch_weights(f"{server.url}/w.pth", SHA256).read_bytes() == CONTENT


def test_of_two_processes_one_downloads(server, tmp_path):
    server.files["/w.pth"] = CONTENT
    server.delay = 0.5
    program = (
        "import hashlib, os, pathlib, time, aed_plugins.models.downloads as w\n"
        f"ready = pathlib.Path({str(tmp_path)!r})\n"
        "(ready / f'{os.getpid()}.ready').touch()\n"
        "while len(list(ready.glob('*.ready'))) < 2:\n"
        "    time.sleep(0.01)\n"
        f"print(hashlib.sha256(w.fetch_weights('{server.url}/w.pth').read_bytes()).hexdigest())"
    )
    assert in_processes(program, count=2) == [SHA256, SHA256]
    assert len(server.requests) == 1


def test_a_cache_that_cannot_be_written_is_one_line(server, tmp_path):
    server.files["/w.pth"] = CONTENT
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"see AED_PLUGINS_CACHE\), and the download failed"):
        fetch_weights(f"{server.url}/w.pth")


# The Hub, through its own client

SOURCE = "hf://owner/repo/folder/w.pth"


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """The server as the Hub; its client reads these settings from the environment once."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    server.files |= {
        f"/owner/repo/resolve/{revision}/folder/w.pth": CONTENT
        for revision in ("main", "v1.0", COMMIT)
    }
    return server


def test_a_file_on_the_hub_is_downloaded_and_then_read_offline(hub, monkeypatch):
    program = (
        "from aed_plugins.models import fetch_weights;"
        f" print(fetch_weights('{SOURCE}', '{SHA256}'))"
    )
    (printed,) = in_processes(
        program, HF_ENDPOINT=hub.url, HF_HUB_CACHE=constants.HF_HUB_CACHE, HF_HUB_OFFLINE="0"
    )
    assert Path(printed).read_bytes() == CONTENT
    assert "GET /owner/repo/resolve/main/folder/w.pth" in hub.requests
    before = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert str(fetch_weights(SOURCE, SHA256)) == printed
    assert len(hub.requests) == before
    hub.go_away()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert str(fetch_weights(SOURCE, SHA256)) == printed


def test_a_revision_is_asked_for(hub):
    assert fetch_weights("hf://owner/repo@v1.0/folder/w.pth").read_bytes() == CONTENT
    assert hub.requests
    assert all("/resolve/v1.0/" in request for request in hub.requests)


def test_a_tampered_copy_of_the_hub_is_named_and_deleting_it_helps(hub):
    blob = fetch_weights(SOURCE).resolve()
    blob.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(
        InputError, match=rf"{blob}: .* {SHA256}, .* delete it to download {SOURCE}"
    ):
        fetch_weights(SOURCE, SHA256)
    blob.unlink()
    assert fetch_weights(SOURCE, SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("source", "offline", "reason"),
    [
        ("hf://owner/repo/none.pth", False, "404"),
        ("hf://owner/repo/w.pth", True, f"the download failed: {OFFLINE}; without a network get"),
        ("hf://own er/repo/w.pth", True, "'own er/repo'"),
        ("hf://own er/repo/w.pth", False, "'own er/repo'"),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(hub, source, offline, reason, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(InputError) as caught:
        fetch_weights(source)
    message = str(caught.value)
    assert message.startswith(f"{source}: not in the cache ({constants.HF_HUB_CACHE})")
    assert reason in message
    assert f"without a network get {hub.url}/" in message
    assert "\n" not in message


def test_a_hub_that_is_gone_is_one_line(hub, monkeypatch):
    hub.go_away()
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client tries six times
    with pytest.raises(InputError, match=r"folder/w\.pth: not in the cache .* Connection refused"):
        fetch_weights(SOURCE)


def test_an_incomplete_hub_source_is_refused():
    with pytest.raises(InputError, match=r"hf://owner/w\.pth: expected hf://owner/repo/file"):
        fetch_weights("hf://owner/w.pth")


# In an encoder


def test_an_encoder_takes_its_weights_from_a_url(server, capfd):
    theirs = ResNet(in_channels=3)
    buffer = io.BytesIO()
    torch.save(theirs.state_dict(), buffer)
    server.files["/resnet18.pth"] = buffer.getvalue()
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    ours = ResNet(3, pretrained=f"{server.url}/resnet18.pth", sha256=digest[:8])
    assert torch.equal(ours.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)
    with pytest.raises(InputError, match="expected SHA-256 00000000, found"):
        ResNet(3, pretrained=f"{server.url}/resnet18.pth", sha256="0" * 8)
