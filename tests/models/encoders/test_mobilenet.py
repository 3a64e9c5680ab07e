import pytest
import torch
from mobilenet_weights import HIDDEN, published, random_torchvision, tagger_with

from aed_plugins.core import InputError
from aed_plugins.models import (
    PUBLISHED_MOBILENETS,
    MobileNet,
    PooledDNNHead,
    ResNet,
)

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.mark.parametrize("width", [0.1, 0.4, 1.0])
def test_published_weights_give_what_torchvisions_layers_give(width, tmp_path):
    theirs = random_torchvision(width)
    torch.save(published(theirs), tmp_path / "mn.pt")
    ours = tagger_with(tmp_path / "mn.pt", width)
    maps = torch.randn(2, 1, 70, 128)  # (batch, channel, frame, mel)
    with torch.no_grad():
        last_maps = theirs.features(maps.transpose(2, 3))  # (batch, channel, mel, step)
        embeddings = ours.encoder(maps)
        torch.testing.assert_close(embeddings, last_maps.mean(dim=2).transpose(1, 2), **CLOSE)
        expected = theirs(maps.transpose(2, 3))
        torch.testing.assert_close(ours.head(embeddings).clip_logits, expected, **CLOSE)
    assert (expected[0] - expected[1]).abs().max() > 0.1  # they depend on the sound


def test_a_padded_batch_gives_what_each_clip_gives_alone():
    encoder = MobileNet(width=0.1).eval()
    encoder.load_published(published(random_torchvision(0.1)))
    maps = torch.randn(4, 1, 130, 64)  # whatever stands behind an end
    frames = (130, 1, 65, 97)
    with torch.no_grad():
        together = encoder(maps, torch.tensor(frames) / 130)
        for clip, count in enumerate(frames):
            alone = encoder(maps[clip : clip + 1, :, :count])[0]
            torch.testing.assert_close(together[clip, : len(alone)], alone, **CLOSE)


def test_training_moves_batch_norm_as_torchvision_does():
    theirs, ours = random_torchvision(0.1), MobileNet(width=0.1)
    ours.load_published(published(theirs))
    maps = torch.randn(2, 1, 70, 64)
    theirs.train()(maps.transpose(2, 3))
    ours.train()(maps)
    pairs = zip(ours.features[16][1].buffers(), theirs.features[16][1].buffers(), strict=True)
    for moved, expected in pairs:
        torch.testing.assert_close(moved, expected, **CLOSE)


def test_the_clip_is_classified_by_the_mean_of_its_own_embeddings():
    head = PooledDNNHead(6, 3, hidden=8).eval()
    embeddings = torch.randn(2, 4, 6)
    step_logits, clip_logits = head(embeddings, torch.tensor([1.0, 0.5]))
    means = torch.stack([embeddings[0].mean(0), embeddings[1, :2].mean(0)])
    torch.testing.assert_close(clip_logits, head(means.unsqueeze(1)).clip_logits)
    torch.testing.assert_close(step_logits[1, 3], head(embeddings[1:, 3:]).clip_logits[0])


@pytest.mark.parametrize(
    ("width", "millions", "digits"),
    [
        (0.4, 0.983599, 6),
        (0.5, 1.43, 2),
        (1.0, 4.88, 2),
        (2.0, 17.91, 2),
        (3.0, 39.09, 2),
        (4.0, 68.43, 2),
    ],
)
def test_every_published_width_has_its_published_number_of_parameters(width, millions, digits):
    with torch.device("meta"):
        encoder = MobileNet(width=width)
        head = PooledDNNHead(encoder.embedding_size, hidden=HIDDEN[width])
    parameters = [*encoder.parameters(), *head.parameters()]
    assert round(sum(p.numel() for p in parameters) / 1e6, digits) == millions


def test_the_published_widths_are_those_of_the_table():
    assert PUBLISHED_MOBILENETS.keys() == HIDDEN.keys()


def test_stages_hold_every_parameter_once_from_input_to_output():
    encoder = MobileNet(width=0.1)
    stages = encoder.stages()
    assert len(stages) == 6
    in_order = [p for stage in stages for p in stage.parameters()]
    assert [id(p) for p in in_order] == [id(p) for p in encoder.parameters()]
    strides = [
        module.stride[0]
        for stage in stages
        for module in stage.modules()
        if hasattr(module, "stride")
    ]
    assert strides.count(2) == 5


def test_the_first_layer_is_repeated_for_every_channel_of_a_front_end():
    state = published(random_torchvision(0.1))
    one, three = MobileNet(1, width=0.1).eval(), MobileNet(3, width=0.1).eval()
    one.load_published(state)
    three.load_published(state)
    maps = torch.rand(1, 1, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(three(maps.expand(-1, 3, -1, -1)), one(maps), **CLOSE)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: published(random_torchvision(0.2)), r"EfficientAT's mn01, but \d+ of \d+ tensors"),
        (lambda: ResNet(width=0.1).state_dict(), "EfficientAT's mn01, but 367 of 290 tensors"),
        (dict, "EfficientAT's mn01, but .* do not fit"),
    ],
    ids=["another width", "another architecture", "nothing"],
)
def test_other_weights_are_refused(state, message, tmp_path):
    torch.save(state(), tmp_path / "other.pt")
    with pytest.raises(InputError, match=rf"other\.pt: expected the weights of {message}"):
        MobileNet(width=0.1, pretrained=tmp_path / "other.pt")


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "mn.pt"
    torch.save(published(random_torchvision(0.1)), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"mn\.pt: expected weights saved with torch.save"):
        MobileNet(width=0.1, pretrained=path)


@pytest.mark.parametrize(
    ("width", "message"),
    [
        (0.4, r"nowhere\.pt: no such file.*mn04 is published at https://.*/mn04_as_mAP_432\.pt"),
        (0.3, r"nowhere\.pt: no such file.*"),
    ],
)
def test_a_missing_file_is_named_and_where_to_get_it(width, message, tmp_path):
    with pytest.raises(InputError, match=message):
        MobileNet(width=width, pretrained=tmp_path / "nowhere.pt")


def test_a_file_with_another_checksum_is_refused(tmp_path):
    torch.save(published(random_torchvision(0.1)), tmp_path / "mn.pt")
    with pytest.raises(InputError, match=r"mn\.pt"):
        MobileNet(width=0.1, pretrained=tmp_path / "mn.pt", sha256=64 * "0")
    with pytest.raises(InputError, match=r"mn\.pt"):
        PooledDNNHead(96, 527, 128, pretrained=tmp_path / "mn.pt", sha256=64 * "0")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((96, 10, 128), "for 527 labels, expected 10: give new_classifier"),
        ((96, 527, 256), "EfficientAT's classifier of sizes 96 -> 256 -> 527, but 3 of 4 tensors"),
    ],
    ids=["other labels", "another width"],
)
def test_a_head_of_other_sizes_refuses_published_weights(sizes, message):
    embedding_size, classes, hidden = sizes
    with pytest.raises(InputError, match=message):
        PooledDNNHead(embedding_size, classes, hidden).load_published(
            published(random_torchvision(0.1))
        )


@pytest.mark.parametrize("width", [0, -1.0, float("nan")])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(ValueError, match="width must be above 0"):
        MobileNet(width=width)
