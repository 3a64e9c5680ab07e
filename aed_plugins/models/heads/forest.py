"""A random forest as a head: fitted at once, then run by PyTorch as any other.

Source: Breiman, "Random Forests" (Machine Learning, 2001). scikit-learn grows each tree; here they
become tensors, so that the model is saved, moved and exported as a network is.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aed_plugins.core import FloatArray
from aed_plugins.models.base import FittedHead, Float32Buffers, HeadOutput
from aed_plugins.models.lengths import check_batch, valid_mean

SMALLEST_PROBABILITY = 1e-6
DEEPEST = 16


class ForestHead(Float32Buffers, FittedHead):
    """Trees that ask for one number of a step at a time; the mean of what they have learned there.

    A clip's probabilities are the means of those of its steps. Before `fit` all are alike. A tree
    is grown from steps drawn with replacement, each as likely as it weighs.

    Parameters
    ----------
    embedding_size : int
        Size of an embedding: the encoder's `embedding_size`.
    num_classes : int
        Number of labels.
    trees : int
        How many.
    depth : int
        Questions on the way to a leaf, 1 to 16: each tree has room for `2 ** depth` leaves.
    step_fraction : float
        How many steps a tree is grown from, per step there is: above 0 and at most 1.
    multi_label : bool
        Whether a clip may have several labels.

    Raises
    ------
    ValueError
        If a number is not among these.

    Examples
    --------
    >>> head = ForestHead(embedding_size=2, num_classes=2, trees=50, depth=1)
    >>> steps, targets = np.array([[0.0, 5.0], [1.0, 5.0]] * 10), np.eye(2)[[0, 1] * 10]
    >>> head.fit(steps, targets, weights=np.ones(20), seed=1)
    >>> step_logits, clip_logits = head(torch.tensor([[[0.2, 5.0], [0.9, 5.0], [0.9, 5.0]]]))
    >>> step_logits.argmax(2), clip_logits.argmax(1)
    (tensor([[0, 1, 1]]), tensor([1]))
    """

    feature: Tensor
    threshold: Tensor
    leaf: Tensor

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        trees: int = 300,
        depth: int = 8,
        step_fraction: float = 0.3,
        multi_label: bool = False,
    ) -> None:
        super().__init__()
        sizes = {"embedding_size": embedding_size, "num_classes": num_classes}
        for name, number in (sizes | {"trees": trees, "depth": depth}).items():
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        if not 0 < step_fraction <= 1:
            raise ValueError(f"step_fraction must be above 0 and at most 1, got {step_fraction}")
        if depth > DEEPEST:
            raise ValueError(
                f"depth must be at most {DEEPEST}, as a tree takes 2 ** depth leaves, got {depth}"
            )
        self.embedding_size = embedding_size
        self.depth = depth
        self.step_fraction = step_fraction
        self.multi_label = multi_label
        # Node n of a tree has the children 2n + 1 and 2n + 2.
        self.register_buffer("feature", torch.zeros(trees, 2**depth - 1, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(trees, 2**depth - 1))
        unknown = 0.5 if multi_label else 1 / num_classes
        self.register_buffer("leaf", torch.full((trees, 2**depth, num_classes), unknown))

    def fit(self, steps: FloatArray, targets: FloatArray, weights: FloatArray, seed: int) -> None:
        """Grow the trees: see `FittedHead`."""
        self._check_size(steps.shape[1])
        grow = partial(self._grown, steps.astype(np.float32), targets, weights / weights.sum())
        sources = np.random.SeedSequence(seed).spawn(len(self.feature))
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            grown = list(pool.map(grow, sources))
        for number, tree in enumerate(grown):
            self._plant(number, tree)

    def _grown(
        self,
        steps: FloatArray,
        targets: FloatArray,
        probabilities: FloatArray,
        source: np.random.SeedSequence,
    ) -> Any:
        """Grow a tree from some of the steps."""
        from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415  imports for a second

        generator = np.random.default_rng(source)
        count = max(1, round(self.step_fraction * len(steps)))
        drawn = generator.choice(len(steps), count, p=probabilities)
        # On targets of 0 and 1 the variance that regression lowers is Gini's impurity.
        tree = DecisionTreeRegressor(
            max_depth=self.depth, max_features="sqrt", random_state=int(generator.integers(2**31))
        )
        return tree.fit(steps[drawn], targets[drawn]).tree_

    def _plant(self, number: int, tree: Any) -> None:
        """Convert scikit-learn's tree to one of equal depth everywhere."""
        inner = self.feature.shape[1]
        feature, threshold = np.zeros(inner, np.int64), np.zeros(inner, np.float32)
        leaf = np.zeros(self.leaf.shape[1:], np.float32)
        places = {0: 0}  # in the full tree: scikit-learn's node
        for place in range(2 * inner + 1):
            node = places[place]
            left, right = tree.children_left[node], tree.children_right[node]
            if place >= inner:
                leaf[place - inner] = tree.value[node].reshape(-1)
            elif left < 0:  # a leaf higher up: what is below it is all the same
                places[2 * place + 1] = places[2 * place + 2] = node
            else:
                feature[place] = tree.feature[node]
                threshold[place] = _not_above(tree.threshold[node])
                places[2 * place + 1], places[2 * place + 2] = left, right
        self.feature[number] = torch.from_numpy(feature)
        self.threshold[number] = torch.from_numpy(threshold)
        self.leaf[number] = torch.from_numpy(leaf)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> HeadOutput:
        """Classify every step, then the clip.

        Parameters
        ----------
        embeddings : Tensor
            `(batch, step, embedding)`.
        lengths : Tensor, optional
            `(batch,)`, fractions of the steps.

        Returns
        -------
        HeadOutput
            `step_logits (batch, step, class)` and `clip_logits (batch, class)`.

        Raises
        ------
        ValueError
            If the embeddings are of another size.
        """
        check_batch(embeddings, "embeddings (batch, step, embedding)", lengths)
        self._check_size(embeddings.shape[2])
        trees, inner = self.feature.shape
        steps = embeddings.float().flatten(0, 1)  # (batch * step, embedding)
        tree = torch.arange(trees, device=steps.device)
        place = torch.zeros_like(tree).expand(steps.shape[0], -1)  # (batch * step, tree)
        for _ in range(self.depth):
            node = inner * tree + place
            asked = steps.gather(1, self.feature.flatten()[node])
            place = 2 * place + 1 + (asked > self.threshold.flatten()[node]).long()
        leaves = self.leaf.flatten(0, 1)[(inner + 1) * tree + place - inner]
        step = leaves.mean(1).unflatten(0, embeddings.shape[:2])  # (batch, step, class)
        clip = valid_mean(step, lengths)
        return HeadOutput(self._logits(step).to(self.dtype), self._logits(clip).to(self.dtype))

    def _check_size(self, size: int) -> None:
        if size != self.embedding_size:
            raise ValueError(f"expected embeddings of {self.embedding_size} numbers, got {size}")

    def _logits(self, probabilities: Tensor) -> Tensor:
        if self.multi_label:
            return probabilities.logit(eps=SMALLEST_PROBABILITY)
        return probabilities.clamp(min=SMALLEST_PROBABILITY).log()


def _not_above(threshold: float) -> np.float32:
    """Round to the next float32 below, so that what was above a threshold stays so."""
    rounded = np.float32(threshold)
    return rounded if rounded <= threshold else np.nextafter(rounded, np.float32(-np.inf))
