import pytest
import torch

from aed_plugins.models.blocks.patches import SILENCE, cut_patches, patch_count


@pytest.mark.parametrize("last_patch", ["pad", "drop"])
@pytest.mark.parametrize("frames", [1, 95, 96, 97, 191, 192, 300])
def test_patch_count_is_true(last_patch, frames):
    patches = cut_patches(torch.zeros(1, 1, frames, 64), last_patch=last_patch)
    assert patches.shape[1] == int(patch_count(torch.tensor(frames), last_patch))


def test_patches_are_the_frames_in_order_and_silence_completes_the_last():
    maps = torch.randn(2, 3, 250, 64)
    patches = cut_patches(maps)
    joined = patches.transpose(1, 2).flatten(2, 3)  # (batch, channel, frame, mel)
    assert torch.equal(joined[:, :, :250], maps)
    assert joined.shape[2] == 288
    assert (joined[:, :, 250:] == SILENCE).all()


def test_dropping_leaves_out_the_partial_patch_alone():
    maps = torch.randn(2, 3, 250, 64)
    assert torch.equal(cut_patches(maps, last_patch="drop"), cut_patches(maps)[:, :2])


def test_a_clip_shorter_than_a_patch_is_completed_even_when_dropping():
    maps = torch.randn(1, 1, 30, 64)
    assert torch.equal(cut_patches(maps, last_patch="drop"), cut_patches(maps))


@pytest.mark.parametrize("last_patch", ["pad", "drop"])
def test_what_stands_behind_an_end_becomes_the_silence_a_clip_alone_has(last_patch):
    maps = torch.randn(2, 1, 250, 64)
    together = cut_patches(maps, torch.tensor([1.0, 120 / 250]), last_patch)
    alone = cut_patches(maps[1:, :, :120], last_patch=last_patch)
    own = alone.shape[1]
    if last_patch == "pad":
        assert torch.equal(together[1, :own], alone[0])
    else:
        assert own == 1
        assert torch.equal(together[1, :1], alone[0])


def test_silence_has_the_value_it_is_told():
    assert (cut_patches(torch.zeros(1, 1, 95, 64), silence=-3.0)[0, 0, 0, 95] == -3.0).all()
