import pytest
import torch

from aed_plugins.core import InputError
from aed_plugins.labels import audioset_labels
from aed_plugins.models import PooledDNNHead


def published_head(path):
    published = PooledDNNHead(96, 527, 128)
    state = {
        f"classifier.{place}.{kind}": getattr(getattr(published, layer), kind).detach()
        for place, layer in ((2, "hidden"), (5, "classifier"))
        for kind in ("weight", "bias")
    }
    torch.save(state, path)
    return published


def test_a_new_classifier_stands_on_the_published_hidden_layer(tmp_path):
    published = published_head(tmp_path / "mn.pt")
    head = PooledDNNHead(96, 10, 128, pretrained=tmp_path / "mn.pt", new_classifier=True)
    assert head.hidden.weight.equal(published.hidden.weight)
    assert head.classifier.weight.shape == (10, 128)


def test_rows_of_a_new_classifier_begin_as_those_of_audioset_s_names(tmp_path):
    published = published_head(tmp_path / "mn.pt").classifier
    path, labels = tmp_path / "mn.pt", audioset_labels()
    names = ["Siren", None, "Dog"]
    torch.manual_seed(0)
    head = PooledDNNHead(96, 3, 128, pretrained=path, new_classifier=True, audioset_names=names)
    for row, name in ((0, "Siren"), (2, "Dog")):
        assert head.classifier.weight[row].equal(published.weight[labels.index(name)])
        assert head.classifier.bias[row].equal(published.bias[labels.index(name)])
    torch.manual_seed(0)
    plain = PooledDNNHead(96, 3, 128, pretrained=path, new_classifier=True)
    assert head.classifier.weight[1].equal(plain.classifier.weight[1])
    assert not head.classifier.weight[0].equal(plain.classifier.weight[0])


@pytest.mark.parametrize(
    ("names", "message"),
    [(["Siren"], "expected one for each of 3 labels, got 1"), (["x", None, None], "'x' is none")],
)
def test_names_that_are_not_audioset_s_are_refused(tmp_path, names, message):
    published_head(tmp_path / "mn.pt")
    with pytest.raises(ValueError, match=message):
        PooledDNNHead(
            96, 3, 128, pretrained=tmp_path / "mn.pt", new_classifier=True, audioset_names=names
        )


def test_rows_that_the_file_does_not_have_are_not_replaced_by_random_ones(tmp_path):
    published_head(tmp_path / "mn.pt")
    state = torch.load(tmp_path / "mn.pt", weights_only=True)
    state |= {
        f"classifier.5.{kind}": state[f"classifier.5.{kind}"][:10] for kind in ("weight", "bias")
    }
    torch.save(state, tmp_path / "mn.pt")
    names = ["Siren", None, None]
    with pytest.raises(InputError, match="audioset_names needs the classifier of AudioSet's 527"):
        PooledDNNHead(
            96, 3, 128, pretrained=tmp_path / "mn.pt", new_classifier=True, audioset_names=names
        )
