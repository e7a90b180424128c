# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # DeepLIFT, step by step
#
# A gradient says what a tiny change would do. If a unit is saturated, a tiny change does nothing, and the gradient is
# zero although the unit decides everything. DeepLIFT (Shrikumar, Greenside and Kundaje, *Learning Important Features
# Through Propagating Activation Differences*, ICML 2017) compares the image with a reference instead: how much higher
# is the score, and which pixels account for that?

# %%
import matplotlib.pyplot as plt
import torch
from torch import nn

from repro.attribution.deeplift import deeplift
from repro.engine.gradients import pixel_gradient
from repro.lab import digits, metrics, networks, scenes

torch.set_num_threads(1)

# %% [markdown]
# ## A unit that is saturated
#
# The smallest example is the paper's Fig. 1: `y = 1 - ReLU(1 - a - b)` is 1 as soon as `a + b` is. At (1, 1) neither
# input alone could change it, so the gradient is zero for both. From the reference (0, 0) to (1, 1), though, the ReLU's
# input falls from 1 to -1 and its output from 1 to 0. The **multiplier** is the ratio of the two differences:
#
# ```text
# m = Δy / Δx = (0 - 1) / (-1 - 1) = 1/2                            rescale rule
# ```
#
# Multipliers obey the chain rule (3), so that they travel back through a network as derivatives do. Times the
# difference of the inputs they are contributions (2), and these sum to the difference of the outputs (1).


# %%
def network_of(weights, biases):
    layers = [nn.Flatten()]
    for weight, bias in zip(weights, biases, strict=True):
        layer = nn.Linear(len(weight[0]), len(weight))
        layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def both(model, values, reference, rule="rescale"):
    image = torch.tensor(values).view(1, -1, 1, 1)
    gradient = pixel_gradient(model, image, torch.tensor([0])).flatten()
    contributions = deeplift(model, image, torch.tensor([0]), reference, rule=rule).flatten()
    print(
        f"{rule:14} gradient", gradient.tolist(), "contributions", [round(each, 3) for each in contributions.tolist()]
    )


saturated = network_of([[[-1.0, -1.0]], [[-1.0]]], [[1.0], [1.0]])
both(saturated, [1.0, 1.0], reference=0.0)

# %% [markdown]
# ## Two inputs that cancel
#
# Fig. 3 of the paper computes the smaller of two numbers as `a - ReLU(a - b)`. The rescale rule gives all to one of
# them. Reveal-cancel looks at positive and negative contributions to the ReLU separately, and takes the mean of adding
# the one first and of adding the other first: now each gets half of the result.

# %%
minimum = network_of([[[1.0, 0.0], [1.0, -1.0]], [[1.0, -1.0]]], [[0.0, 0.0], [0.0]])
for rule in ("rescale", "reveal-cancel"):
    both(minimum, [3.0, 1.0], reference=0.0, rule=rule)

# %% [markdown]
# ## A network, and what it is compared with
#
# On a real network the contributions still add up, through max pooling and shortcuts as well. Gradient times difference
# does not. The reference decides what is explained: compared with black, a bright background counts; compared with
# the same image blurred, only the details do.

# %%
WHICH = 4
scene = scenes.one_object(40, seed=0)
images, classes = networks.inputs(scene.images[WHICH : WHICH + 1], scene.labels[WHICH : WHICH + 1])
network = networks.load("vgg-scenes", seed=0)
references = {
    "grey": torch.full_like(images, 0.5),
    "black": torch.zeros_like(images),
    "blurred": metrics.blurred(images),
}
figure, axes = plt.subplots(1, 4, figsize=(8, 2.2), layout="constrained")
axes[0].imshow(images[0].permute(1, 2, 0))
gradient = pixel_gradient(network, images, classes)
for axis, (title, reference) in zip(axes[1:], references.items(), strict=True):
    contributions = deeplift(network, images, classes, reference)
    rise = (network(images) - network(reference))[0, classes[0]]
    product = (gradient * (images - reference)).sum()
    print(f"{title:8} rise {rise:6.2f}  DeepLIFT {contributions.sum():6.2f}  gradient times difference {product:6.2f}")
    heatmap = contributions.sum(1)[0]
    limit = heatmap.abs().max()
    axis.imshow(heatmap, cmap="coolwarm", vmin=-limit, vmax=limit)
    axis.set_title(title, fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Turning an 8 into a 3
#
# The paper asks which pixels of an 8 have to be erased to make it another digit: those that contribute most to the 8
# and least to the other, up to a fifth of the image. Black is the natural reference here. Change `OTHER` to 6 or 9.

# %%
OTHER = 3
network = networks.load("lenet-mnist", seed=0)
held_out = digits.load(300, seed=0)
images, labels = networks.inputs(held_out.images, held_out.labels)
eights = images[labels == 8][:6]
eight = torch.full((len(eights),), 8)
scores = deeplift(network, eights, eight, 0.0, rule="reveal-cancel")
scores = scores - deeplift(network, eights, eight - 8 + OTHER, 0.0, rule="reveal-cancel")
highest, places = scores.flatten(1).topk(157, dim=1)
kept = torch.ones_like(highest[:, :1]).repeat(1, 784).scatter(1, places, (highest <= 0).float())
erased = eights * kept.view_as(eights)
figure, axes = plt.subplots(3, 6, figsize=(8, 4.2), layout="constrained")
for i in range(6):
    limit = scores[i].abs().max()
    axes[0, i].imshow(eights[i, 0], cmap="gray")
    axes[1, i].imshow(scores[i, 0], cmap="coolwarm", vmin=-limit, vmax=limit)
    axes[2, i].imshow(erased[i, 0], cmap="gray")
    axes[2, i].set_title(f"seen as {network(erased)[i].argmax()}", fontsize=9)
for axis in axes.flat:
    axis.axis("off")
plt.show()

# %% [markdown]
# **To try:** another scene (`WHICH`), another digit (`OTHER`), the rescale rule for the digits, or your own photograph
# on a ResNet, whose ReLUs are used twice:
#
# ```sh
# sightglass run deeplift --image photo.jpg --out deeplift.png --model resnet50 --weights DEFAULT
# ```
