"""`aed publish` and `aed export`: models that the other commands take."""

import json

from tiny_model import write_run


def test_publish_export_and_use(aed, folder):
    run = write_run(folder / "run")
    status, out, err = aed("publish", run, "published", "--license", "apache-2.0")
    assert (status, out) == (0, "published: published\n"), err
    status, out, err = aed("export", "published", "tiny.onnx")
    assert status == 0, err
    expected = aed("timeline", "talks/a.wav", "--model", "published", "--format", "json")
    found = aed("timeline", "talks/a.wav", "--model", "tiny.onnx", "--format", "json")
    events = [json.loads(text)["events"] for _, text, _ in (expected, found)]
    assert [e["label"] for e in events[0]] == [e["label"] for e in events[1]]
    assert aed("publish", run, "published", "--license", "apache-2.0")[0] == 1
