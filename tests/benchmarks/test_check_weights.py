"""The check of published weights, on files of random ones."""

import numpy as np
import pytest
import torch
from benchmark_program import load_benchmark
from mobilenet_weights import published, random_torchvision, tagger_with
from vggish_weights import NARROW, as_in_torchaudio, formula_state, random_pca_parameters

from aed_plugins.models import ResNet, VGGish, VGGishPostprocessor


@pytest.fixture
def check_weights(monkeypatch):
    """The program, for files of a narrow VGGish."""
    module = load_benchmark("check_weights", monkeypatch)
    monkeypatch.setattr(module, "VGGish", lambda **named: VGGish(width=NARROW, **named))
    return module


@pytest.fixture
def torchvggish_state():
    return formula_state(width=NARROW)


def test_the_smoke_test_has_three_patches_of_a_sine(check_weights):
    embeddings = check_weights.smoke_embeddings(VGGish(width=NARROW, last_patch="drop").eval())
    assert embeddings.shape == (3, 128)


@pytest.mark.parametrize(("scale", "good"), [(1.0, True), (1.08, True), (1.2, False)])
def test_values_within_ten_percent_of_the_published_ones_agree(check_weights, scale, good):
    values = (0.343 * torch.tensor([-1.0, 1.0]) + 0.000657) * scale
    comparisons = check_weights.compare_moments("embeddings", values, (0.000657, 0.343))
    assert [comparison.agrees for comparison in comparisons] == [good, good]
    assert "published 0.343: " in str(comparisons[1])


def test_other_weights_fail_the_check_with_one_line(
    check_weights, torchvggish_state, tmp_path, capsys
):
    path = tmp_path / "vggish.pth"
    torch.save(torchvggish_state, path)
    assert check_weights.main([str(path)]) == 1
    captured = capsys.readouterr()
    assert "published 0.343: DIFFERS" in captured.out
    assert captured.err == f"error: {path}: not the published weights; get them again\n"


@pytest.mark.parametrize("rename", [dict, as_in_torchaudio])
def test_weights_with_the_published_values_pass_the_check(
    check_weights, torchvggish_state, rename, tmp_path, capsys, monkeypatch
):
    torch.save(rename(torchvggish_state), tmp_path / "vggish.pth")
    encoder = VGGish(width=NARROW, last_patch="drop", pretrained=tmp_path / "vggish.pth").eval()
    found = check_weights.smoke_embeddings(encoder)
    np.savez(tmp_path / "pca.npz", **random_pca_parameters())
    steps = VGGishPostprocessor(tmp_path / "pca.npz", rounding="down")(found).double()
    pair = (found.mean().item(), found.std(correction=0).item())
    monkeypatch.setattr(check_weights, "EMBEDDINGS", pair)
    pair = (steps.mean().item(), steps.std(correction=0).item())
    monkeypatch.setattr(check_weights, "POSTPROCESSED", pair)
    files = [str(tmp_path / "vggish.pth"), "--pca", str(tmp_path / "pca.npz")]
    assert check_weights.main(files) == 0
    assert capsys.readouterr().out.count(": agrees") == 4


def test_the_check_refuses_weights_that_answer_otherwise(check_weights, tmp_path, capsys):
    torch.save(published(random_torchvision(0.4)), tmp_path / "mn.pt")
    assert check_weights.main([str(tmp_path / "mn.pt")]) == 1
    output = capsys.readouterr()
    assert "published -8.9958: DIFFERS" in output.out
    assert output.err == f"error: {tmp_path / 'mn.pt'}: not the published weights; get them again\n"


def test_the_check_passes_what_answers_as_it_should(check_weights, tmp_path, capsys, monkeypatch):
    path = tmp_path / "mn.pt"
    torch.save(published(random_torchvision(0.4)), path)
    signal = check_weights.sines(2, 32000, {440: 0.3, 1000: 0.1})
    with torch.no_grad():
        logits = tagger_with(path, 0.4)(signal).clip_logits[0]
    values, classes = logits.topk(3)
    largest = dict(zip(classes.tolist(), values.tolist(), strict=True))
    monkeypatch.setattr(check_weights, "MEAN_LOGIT", logits.mean().item())
    monkeypatch.setattr(check_weights, "LARGEST_LOGITS", largest)
    assert check_weights.main([str(path)]) == 0
    assert capsys.readouterr().out.count(": agrees") == 4
    smallest = logits.argmin().item()
    largest[smallest] = logits[smallest].item()  # a right logit, of a class not among the largest
    del largest[classes[0].item()]
    assert check_weights.main([str(path)]) == 1
    assert capsys.readouterr().out.count(": -inf, published ") == 1


@pytest.mark.parametrize(
    ("state", "options", "message"),
    [
        (lambda: published(random_torchvision(0.1)), [], "whose outputs are known, got mn01; all"),
        (
            lambda: published(random_torchvision(0.4)),
            ["--pca=x.npz"],
            "--pca is for VGGish, got an",
        ),
        (lambda: ResNet(width=0.1).state_dict(), [], "of VGGish or of EfficientAT's mn04, got 1"),
        (None, [], "no such file of weights"),
    ],
    ids=["another width", "pca", "another network", "missing"],
)
def test_the_check_tells_in_one_line_what_it_cannot_check(
    check_weights, state, options, message, tmp_path, capsys
):
    path = tmp_path / "other.pt"
    if state is not None:
        torch.save(state(), path)
    assert check_weights.main([str(path), *options]) == 1
    output = capsys.readouterr()
    assert not output.out
    assert output.err.startswith(f"error: {path}: ")
    assert message in output.err
    assert output.err.count("\n") == 1
