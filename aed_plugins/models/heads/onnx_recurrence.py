"""The recurrent layers of `torch.nn` as the operators that ONNX has for them.

PyTorch's own export unrolls them for one number of steps. Source: the ONNX operators GRU and LSTM,
whose gates stand in another order.
"""

from typing import Any

import torch
from torch import Tensor, nn

# Where ONNX's gates are found among PyTorch's: GRU reset, update, new -> update, reset, hidden;
# LSTM input, forget, cell, output -> input, output, forget, cell.
GATES = {"GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
OPSET = 18  # in which both have the inputs that are given here


def exported_recurrence(layers: nn.GRU | nn.LSTM, embeddings: Tensor) -> Tensor:
    """Run all layers while a graph is exported to ONNX.

    Parameters
    ----------
    layers : GRU or LSTM
        In evaluation, `batch_first`, with biases.
    embeddings : Tensor
        `(batch, step, embedding)`.

    Returns
    -------
    Tensor
        `(batch, step, hidden)`, both directions behind one another.
    """
    directions = 2 if layers.bidirectional else 1
    attributes: dict[str, Any] = {
        "hidden_size": layers.hidden_size,
        "direction": "bidirectional" if layers.bidirectional else "forward",
    }
    if layers.mode == "GRU":
        attributes["linear_before_reset"] = 1
    hidden = embeddings.transpose(0, 1)  # (step, batch, embedding)
    for layer in range(layers.num_layers):
        steps, batch = hidden.shape[:2]
        (hidden,) = torch.onnx.ops.symbolic_multi_out(
            layers.mode,
            [hidden, *_weights(layers, layer)],
            attributes,
            dtypes=[hidden.dtype],
            shapes=[(steps, directions, batch, layers.hidden_size)],
            version=OPSET,
        )
        # (step, direction, batch, hidden) -> (step, batch, direction * hidden)
        hidden = hidden.transpose(1, 2).flatten(2)
    return hidden.transpose(0, 1)


def _weights(layers: nn.GRU | nn.LSTM, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a layer's weights of inputs and of states, and both biases: `(direction, ...)`."""
    parts: dict[str, list[Tensor]] = {"weight_ih": [], "weight_hh": [], "bias": []}
    for direction in ("", "_reverse") if layers.bidirectional else ("",):
        suffix = f"_l{layer}{direction}"
        given = {
            name: _in_order(getattr(layers, name + suffix), layers.mode)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        parts["weight_ih"].append(given["weight_ih"])
        parts["weight_hh"].append(given["weight_hh"])
        parts["bias"].append(torch.cat([given["bias_ih"], given["bias_hh"]]))
    weight_ih, weight_hh, bias = (torch.stack(part) for part in parts.values())
    return weight_ih, weight_hh, bias


def _in_order(parameter: Tensor, mode: str) -> Tensor:
    size = len(parameter) // len(GATES[mode])
    return torch.cat([parameter[size * place : size * (place + 1)] for place in GATES[mode]])
