import pytest
import torch
from speechbrain.nnet.RNN import GRU

from aed_plugins.models import RNNHead

KINDS = [(cell, layers, both) for cell in ("gru", "lstm") for layers in (1, 2) for both in (0, 1)]


def make_head(**settings):
    torch.manual_seed(0)
    settings = {"hidden_size": 6, "dropout": 0.0} | settings
    return RNNHead(8, 3, **settings)


@pytest.mark.parametrize(("cell", "layers", "bidirectional"), KINDS)
def test_a_padded_item_gives_what_it_gives_alone(cell, layers, bidirectional):
    head = make_head(cell=cell, layers=layers, bidirectional=bool(bidirectional)).eval()
    sizes = [29, 1, 14, 29]
    embeddings = torch.randn(4, 29, 8)  # also behind the ends: an encoder leaves what it likes
    together = head(embeddings, torch.tensor(sizes) / 29)
    for item, size in enumerate(sizes):
        alone = head(embeddings[item : item + 1, :size])
        torch.testing.assert_close(together.step_logits[item, :size], alone.step_logits[0])
        torch.testing.assert_close(together.clip_logits[item], alone.clip_logits[0])


def test_every_length_of_every_batch_is_taken_exactly():
    head = make_head().eval()
    for steps in range(1, 60):
        embeddings = torch.randn(steps, steps, 8)
        valid = torch.arange(1, steps + 1)
        hidden = head._recur(embeddings, valid / steps)
        assert torch.equal((hidden != 0).any(2).sum(1), valid)


def test_a_batch_shorter_than_its_axis_keeps_the_axis():
    output = make_head()(torch.randn(2, 10, 8), torch.tensor([0.5, 0.3]))
    assert output.step_logits.shape == (2, 10, 3)


def test_recurrence_is_speechbrain_s_where_every_item_is_full():
    head = make_head(bidirectional=True, layers=2)
    theirs = GRU(hidden_size=6, input_size=8, num_layers=2, bidirectional=True)
    theirs.rnn.load_state_dict(head.rnn.state_dict())
    embeddings = torch.randn(3, 11, 8)
    torch.testing.assert_close(head._recur(embeddings, None), theirs(embeddings)[0])


def test_one_direction_hears_the_past_only_and_two_hear_all():
    for bidirectional, hears in ((False, [True, True, False]), (True, [True, True, True])):
        head = make_head(bidirectional=bidirectional)
        embeddings = torch.randn(1, 3, 8, requires_grad=True)
        head(embeddings).step_logits[0, 1].sum().backward()
        assert (embeddings.grad[0].abs().sum(1) > 0).tolist() == hears


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_it_runs_in_bfloat16(cell):
    head = make_head(cell=cell, layers=2)
    embeddings, lengths = torch.randn(2, 10, 8), torch.tensor([1.0, 0.3])
    expected = head(embeddings, lengths)
    for given in (lengths, None):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = head(embeddings.bfloat16(), given)
        output.clip_logits.float().sum().backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = head(embeddings.bfloat16(), lengths)
    torch.testing.assert_close(
        output.clip_logits.float(), expected.clip_logits, atol=0.02, rtol=0.02
    )


def test_dropout_acts_in_one_layer_too_and_not_in_evaluation():
    head = make_head(dropout=0.5)
    embeddings = torch.randn(1, 5, 8)
    assert not torch.equal(head(embeddings).clip_logits, head(embeddings).clip_logits)
    head.eval()
    assert torch.equal(head(embeddings).clip_logits, head(embeddings).clip_logits)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_it_learns_an_order_that_a_pooling_cannot_see(cell):
    torch.manual_seed(0)
    head = RNNHead(2, 2, cell=cell, hidden_size=8, bidirectional=False)
    first, second = torch.eye(2)
    silence = torch.zeros(2, 2)
    items = torch.stack(
        [
            torch.stack([first, second, *silence]),
            torch.stack([second, first, *silence]),
        ]
    )
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(100):
        loss = torch.nn.functional.cross_entropy(
            head(items, torch.tensor([0.5, 0.5])).clip_logits, torch.tensor([0, 1])
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "rnn"}, "cell must be one of gru, lstm, got 'rnn'"),
        ({"pooling": "median"}, "pooling must be one of mean, max, attention, linear_softmax"),
        ({"layers": 0}, "at least 1, got 0 and 6"),
    ],
)
def test_impossible_heads_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_head(**settings)
