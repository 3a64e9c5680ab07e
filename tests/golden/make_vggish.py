"""Write what torchaudio 2.8's VGGish makes of a synthesized signal with weights by formula.

    pip install torch==2.8.0 torchaudio==2.8.0   # later ones do not have it
    python tests/golden/make_vggish.py tests/golden/vggish.npz

Signal and weights depend on NumPy's frozen `RandomState` only, so the tests make them again and
just the results are stored: the log-mel examples of torchaudio's processor, and the embeddings of
its network before and after the last ReLU.
"""

import argparse
import zlib
from pathlib import Path

import numpy as np

SAMPLES = 2 * 15360 + 240 + 1000  # two patches, and a partial third one that is dropped
PERIOD = 65537  # of the repeated random numbers; a prime, so that rows of a matrix differ


def signal() -> np.ndarray:
    """Give `(sample,)`, float32, at 16 kHz: a chirp from 50 Hz up to 7.9 kHz in some noise."""
    seconds = np.arange(SAMPLES) / 16000
    noise = np.random.RandomState(0).uniform(-0.05, 0.05, SAMPLES)
    chirp = 0.5 * np.sin(2 * np.pi * (50 * seconds + 1900 * seconds**2))
    return (noise + chirp).astype(np.float32)


def weights(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Give the values of a tensor, float32; `name` is torchvggish's."""
    inputs = int(np.prod(shape[1:])) if len(shape) > 1 else 4
    limit = (6 / inputs) ** 0.5  # He initialization: activations keep their size
    seeded = np.random.RandomState(zlib.crc32(name.encode()))
    return np.resize(seeded.uniform(-limit, limit, PERIOD).astype(np.float32), shape)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    # Only this program needs it: nothing in the package or in the tests does.
    import torch  # noqa: PLC0415
    from torchaudio.prototype.pipelines import VGGISH  # noqa: PLC0415

    network = VGGISH.VGGish().eval()
    ours = {"features_network.": "features.", "embedding_network.": "embeddings."}
    state = {}
    for name, tensor in network.state_dict().items():
        prefix = next(prefix for prefix in ours if name.startswith(prefix))
        values = weights(name.replace(prefix, ours[prefix]), tuple(tensor.shape))
        state[name] = torch.from_numpy(values)
    network.load_state_dict(state)
    examples = VGGISH.get_input_processor()(torch.from_numpy(signal()))
    with torch.no_grad():
        after = network(examples)
        network.embedding_network[-1] = torch.nn.Identity()
        before = network(examples)
    np.savez_compressed(
        path, examples=examples.numpy(), before_relu=before.numpy(), after_relu=after.numpy()
    )


if __name__ == "__main__":
    main()
