"""Layer-wise relevance propagation: which pixels does a class's logit come from?

The logit is the relevance of the output.  Layer by layer it is passed back: each unit shares its relevance among its
inputs, in proportion to what they contributed to it.  Each layer's relevance sums to the logit, as far as the rule
conserves it.

Paper: ``bach2015pixel``; rules for particular layers from ``montavon2017explaining`` and ``montavon2019layer``.

The rules, one equation each, are in ``repro.engine.relevance_rules``; ``repro.engine.relevance`` passes relevance
through everything between the layers.  A composite chooses each layer's rule: it is a function of the layer, which has
a ``kind`` ("convolution" or "linear") and a ``position`` among ``count`` layers, and may be the ``first``.  Your own
rule is a function of a layer and the R of its outputs, which returns the R of its inputs.

Relevance ``(B, C, H, W)`` is in logits, signed.

Differences from the papers:
1. alpha - beta = 1 with beta >= 0, as in later papers; Bach et al. write alpha + beta = 1 with a negative beta.
2. Every rule but ``Zero`` has a small stabiliser with the sign of the denominator, where sign(0) is 1.
3. Inputs below 0 (a normalised image): z-plus, alpha-beta and gamma go by the sign of x_i w_ij, not of w_ij.
4. Max pooling passes everything to the largest input.  Sums and average pooling share by ``Zero``; so does a BatchNorm
   that is not right after a convolution or linear layer.  One that is gets folded into it.
5. Relevance passes unchanged through shifts and scalings of the image by constants; ``ZBox`` needs the bounds of the
   first layer's inputs, after them.

Compared with zennit 0.5.1: without its canonisers it takes the plain gradient of sums and functions; a BatchNorm folded
by it still divides by sqrt(1 + eps); its w-square counts the squared bias as an input.  captum 0.9.0 gives max pooling
the epsilon rule, and does not conserve relevance on a ResNet.

Raises NoRuleError for operations without a rule (products of two parts of the network, softmax, GELU, SiLU, sigmoid,
LayerNorm) and for those that cannot be seen; ImagesError, LogitsError, ClassesError for inputs that do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from repro.engine.relevance import propagate
from repro.engine.relevance_layer import Layer
from repro.engine.relevance_rules import AlphaBeta, Composite, Epsilon, Flat, Gamma, Rule, ZBox, ZPlus
from repro.engine.results import Relevance


def epsilon_plus(layer: Layer) -> Rule:
    """z-plus for convolutions, epsilon for linear layers."""
    return ZPlus() if layer.kind == "convolution" else Epsilon()


def lrp(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    composite: Composite = epsilon_plus,
    *,
    relevance: Tensor | None = None,
) -> Relevance:
    """Relevance ``(B, C, H, W)`` of the images for their classes ``(B,)``: one forward and one backward pass.

    It starts from the logits of the classes, or from ``relevance (B, K)``; a logit of exactly 0 passes nothing on.
    It is computed without autocast, since rules need inputs and weights of one type.
    """
    return propagate(model, images, target_classes, composite, relevance=relevance)[0]


def lrp_at(
    model: nn.Module,
    images: Tensor,
    target_classes: Tensor,
    layers: Sequence[nn.Module],
    composite: Composite = epsilon_plus,
) -> list[Tensor]:
    """Relevance of the outputs of these layers, each of the output's shape.

    Raises LayerError for a layer that relevance does not reach, such as a convolution whose BatchNorm is folded into
    it: ask for the BatchNorm.
    """
    return propagate(model, images, target_classes, composite, layers)[1:]


def everywhere(rule: Rule) -> Composite:
    """One rule for all layers."""
    return lambda _: rule


def first(rule: Rule, others: Composite) -> Composite:
    """One rule for the first layer, a composite for the others."""
    return lambda layer: rule if layer.first else others(layer)


def epsilon_alpha2_beta1(layer: Layer) -> Rule:
    """alpha-beta with 2 and 1 for convolutions, epsilon for linear layers."""
    return AlphaBeta(2, 1) if layer.kind == "convolution" else Epsilon()


def epsilon_gamma_box(low: float | Sequence[float], high: float | Sequence[float], gamma: float = 0.25) -> Composite:
    """z-B for the first layer, gamma for the other convolutions, epsilon for linear layers."""
    return first(ZBox(low, high), lambda layer: Gamma(gamma) if layer.kind == "convolution" else Epsilon())


epsilon_plus_flat = first(Flat(), epsilon_plus)
epsilon_alpha2_beta1_flat = first(Flat(), epsilon_alpha2_beta1)
