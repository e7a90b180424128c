"""What a method returns, told by its function's annotation: the command line and the pages read it from the source.

Most are ordinary tensors; the name says what the numbers mean and how they are drawn.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

from torch import Tensor, nn

from repro.engine.trees import Drawing, Tree


class Filters(NamedTuple):
    """K filters of a first layer, in the order of their channels, and what each of them prefers."""

    weights: Tensor  # (K, C, h, w), signed, in the unit's response per unit of the image's values
    orientation: Tensor  # (K,), of the stripes, in degrees anticlockwise from the horizontal, 0 to 180
    selectivity: Tensor  # (K,), of the orientation: 0 none, 1 a grating
    frequency: Tensor  # (K,), in cycles a pixel
    smoothness: Tensor  # (K,), share of the power below a quarter of a cycle a pixel
    colour: Tensor  # (K,), 0 for a grey filter, 1 if the colours cancel


class Embedding(NamedTuple):
    """N rows as points in the plane."""

    positions: Tensor  # (N, 2), about zero, without a unit
    divergence: Tensor  # a number: of the rows' neighbour probabilities from the points', in nats


class Distilled(NamedTuple):
    """N images as points in the plane, and what a student predicts there for C classes."""

    positions: Tensor  # (N, 2)
    divergence: Tensor  # a number: of the student's probabilities and the network's, half the sum of both, in nats
    probabilities: Tensor  # (N, C), the student's
    means: Tensor  # (C, 2), where each class is densest
    prior: Tensor  # (C,), logits of how frequent each class is
    density: Tensor  # (N,), of all classes at the point


class Imitable(NamedTuple):
    """A network of P parameters, the tree that imitates it, and what was met at M moments of its training."""

    network: nn.Module
    tree: Tree
    parameters: Tensor  # (M, P)
    lengths: Tensor  # (M,), in splits, of the tree that imitated the network then
    estimates: Tensor  # (M,), of these lengths before they were known; NaN where there was no estimate yet


Heatmap: TypeAlias = Annotated[Tensor, "heatmap"]  # (B, 1, h, w), for a class, on a grid coarser than the image
Attribution: TypeAlias = Annotated[Tensor, "attribution"]  # (B, C, H, W), signed, shaped like the images
Relevance: TypeAlias = Annotated[Tensor, "relevance"]  # (B, C, H, W), LRP's R at the pixels
Reconstruction: TypeAlias = Annotated[Tensor, "reconstruction"]  # (B, C, H, W), what made one unit of a layer answer
PreImages: TypeAlias = Annotated[Tensor, "pre-images"]  # (B, C, H, W), images that a layer can't tell from the given
AdversarialImages: TypeAlias = Annotated[Tensor, "adversarial images"]  # (B, C, H, W), in [0, 1]
Images: TypeAlias = Annotated[Tensor, "images"]  # (B, C, H, W), made for a class from no image
DecisionTree: TypeAlias = Annotated[Tree, "decision tree"]  # of a model of tables, for inputs (N, F)
TreeDrawing: TypeAlias = Annotated[Drawing, "tree drawing"]  # what repro.lab.tree_figures draws
Importance: TypeAlias = Annotated[Tensor, "importance"]  # (B, C), of each channel of a layer
Combination: TypeAlias = Annotated[Tensor, "combination"]  # (B, inputs) or (B, C, h, w), signed, of units
FirstFilters: TypeAlias = Annotated[Filters, "filters"]
Positions: TypeAlias = Annotated[Embedding, "positions"]
DistilledPositions: TypeAlias = Annotated[Distilled, "distilled positions"]
ImitableNetwork: TypeAlias = Annotated[Imitable, "imitable network"]
