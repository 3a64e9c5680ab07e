"""Write a checkpoint in TensorFlow's old format (V1), that of Google's `vggish_model.ckpt`.

    pip install tensorflow-cpu     # 2.21.0 wrote the file beside this script
    python tests/golden/make_tensorflow_checkpoint.py tests/golden/vggish_narrow.ckpt.gz
    python tests/golden/make_tensorflow_checkpoint.py --width 1 vggish_whole.ckpt

The tensors have the names and the order of axes of the released VGGish, an optional share of its
width, and values by formula (`value_at`), so that they compress well and need not be stored twice.
Beside them stand what other checkpoints hold: a variable saved in three slices, a step count.
"""

import argparse
import gzip
import tempfile
from pathlib import Path

import numpy as np

CONVOLUTIONS = {
    "conv1": (0, 64),
    "conv2": (64, 128),
    "conv3/conv3_1": (128, 256),
    "conv3/conv3_2": (256, 256),
    "conv4/conv4_1": (256, 512),
    "conv4/conv4_2": (512, 512),
}


def shapes(width: float) -> dict[str, tuple[int, ...]]:
    """Give the shape of every tensor of a VGGish of this width, as TensorFlow names it."""
    units = round(4096 * width)
    layers: dict[str, tuple[int, ...]] = {}
    for name, (inputs, outputs) in CONVOLUTIONS.items():
        layers[name] = (3, 3, round(inputs * width) or 1, round(outputs * width))
    layers["fc1/fc1_1"] = (6 * 4 * round(512 * width), units)
    layers["fc1/fc1_2"] = (units, units)
    layers["fc2"] = (units, 128)
    every = {}
    for name, shape in layers.items():
        every[f"vggish/{name}/weights"] = shape
        every[f"vggish/{name}/biases"] = shape[-1:]
    return every


def value_at(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Give the values of a tensor: small exact fractions that depend on its name and place."""
    places = np.arange(int(np.prod(shape)), dtype=np.int64) + sum(name.encode())
    return ((places * 37 % 251 - 125) / np.float32(2048)).astype(np.float32).reshape(shape)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="compressed if it ends in .gz")
    parser.add_argument("--width", type=float, default=1 / 16)
    settings = parser.parse_args()
    # Only this program needs it: nothing in the package or in the tests does.
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    tf.disable_eager_execution()
    for name, shape in shapes(settings.width).items():
        tf.get_variable(name, initializer=value_at(name, shape))
    tf.get_variable(
        "head/sliced",
        initializer=tf.constant(value_at("head/sliced", (10, 3))),
        partitioner=tf.fixed_size_partitioner(3),
    )
    tf.get_variable("global_step", initializer=np.int64(123456789012))
    tf.get_variable("head/scale", initializer=np.float64(0.1))
    saver = tf.train.Saver(write_version=tf.train.SaverDef.V1)
    with tf.Session() as session, tempfile.TemporaryDirectory() as folder:
        session.run(tf.global_variables_initializer())
        content = Path(saver.save(session, f"{folder}/model.ckpt", write_meta_graph=False))
        data = content.read_bytes()
    if settings.path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    settings.path.write_bytes(data)


if __name__ == "__main__":
    main()
