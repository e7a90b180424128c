# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Class activation mapping, step by step
#
# A network that ends in global average pooling and one linear layer scores each class as a weighted mean over places.
# So its score can be taken apart again, place by place, with nothing but the weights that are there already. That is
# all of CAM (Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016). This page computes it
# by hand, equation by equation, on a small network and a scene about which we know everything, and then asks how far
# to trust it.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from repro.attribution.cam import cam
from repro.engine import watching
from repro.lab import figures, metrics, networks, scenes

torch.set_num_threads(1)
network = networks.load("gap-scenes", seed=0)
print(network)

# %% [markdown]
# ## A scene with two objects
#
# The network was trained on 24,000 scenes with the name of their class, and never saw a box or a mask. Here is one
# that it has not seen, with objects of *two* classes in it.

# %%
scene = scenes.load(40, seed=0, two_classes=True)
WHICH = 23
images = torch.from_numpy(scene.images[WHICH : WHICH + 1]) / 255
classes = scene.instance_classes[WHICH, :2].tolist()
names = [scenes.CLASSES[c] for c in classes]

with torch.no_grad(), watching.activations(network, network.features) as outputs:
    logits = network(images)
f = outputs[0][0]  # f_k(x, y): the feature maps of the last convolution, (64, 16, 16)
w = network.classifier.weight.detach()  # w_k^c, (10, 64)

plt.figure(figsize=(2.4, 2.4))
plt.imshow(images[0].permute(1, 2, 0))
plt.title(" and ".join(names), fontsize=9)
plt.axis("off")
plt.show()

# %% [markdown]
# ## Equation (1): the score is a sum over places
#
# The paper sums each feature map and scores class *c* as
#
# ```text
# F_k = Σ_xy f_k(x, y)
# S_c = Σ_k w_k^c F_k = Σ_xy Σ_k w_k^c f_k(x, y)                    (1)
# ```
#
# Networks take the mean in place of the sum, which divides every score by the same number of places. The scores are
# the logits, computed from the maps alone:

# %%
F = f.mean((1, 2))
S = w @ F
for c in classes:
    print(f"{scenes.CLASSES[c]:18} S_c = {S[c]:8.3f}    logit = {logits[0, c]:8.3f}")
torch.testing.assert_close(S, logits[0], rtol=1e-4, atol=1e-4)

# %% [markdown]
# ## Equation (2): stop before the sum over places
#
# The inner sum of (1), left where it is, is the class activation map:
#
# ```text
# M_c(x, y) = Σ_k w_k^c f_k(x, y)          so that  S_c = Σ_xy M_c(x, y)          (2)
# ```
#
# Red is evidence for the class, blue against it. The same feature maps, weighted for one class and for the other,
# point at one object and at the other: the map follows the class that you ask for.

# %%
M = torch.einsum("ck,kyx->cyx", w[classes], f)
torch.testing.assert_close(M.mean((1, 2)), S[classes], rtol=1e-4, atol=1e-4)  # the mean of the map is the score

figure, axes = plt.subplots(1, 4, figsize=(9.2, 2.6), layout="constrained")
limit = float(M.abs().max())
for i, name in enumerate(names):
    shown = axes[2 * i].imshow(M[i], cmap="coolwarm", vmin=-limit, vmax=limit)
    axes[2 * i].set_title(f"M for {name}", fontsize=9)
    axes[2 * i + 1].imshow(figures.overlay(images[0], M[i : i + 1]))
    axes[2 * i + 1].set_title("laid over the image", fontsize=9)
for axis in axes:
    axis.axis("off")
figure.colorbar(shown, ax=axes, label="logits", shrink=0.8)
plt.show()

# %% [markdown]
# The module `repro.attribution.cam` does the same for any network that ends this way, a ResNet or a DenseNet too, and
# for a batch with its own class for each image. It finds pooling and linear layer by itself and checks equation (1)
# on the network's own numbers before it believes them.

# %%
both = cam(network, images.repeat(2, 1, 1, 1), torch.tensor(classes))
torch.testing.assert_close(both[:, 0], M, rtol=1e-4, atol=1e-3)

# %% [markdown]
# A network with a hidden layer between pooling and classes has no such decomposition, and is refused:

# %%
hidden = torch.nn.Sequential(
    network.features,
    torch.nn.AdaptiveAvgPool2d(1),
    torch.nn.Flatten(),
    torch.nn.Linear(64, 64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 10),
)
try:
    cam(hidden, images, torch.tensor(classes[:1]))
except ValueError as error:
    print(error)

# %% [markdown]
# ## From a map to a box, and one thing to change
#
# Sec. 3.2 of the paper draws a box around the largest connected part of the map above 20% of its maximum. Change
# `THRESHOLD` and run the cell again: how sure are you that the box is the network's, and not the threshold's?

# %%
THRESHOLD = 0.2

one = scenes.one_object(200, seed=0)
pixels, labels, truth = torch.from_numpy(one.images) / 255, torch.from_numpy(one.labels), one.boxes[:, 0]
heatmaps = cam(network, pixels, labels)
found = metrics.boxes(heatmaps, (64, 64), THRESHOLD)

figure, axes = plt.subplots(1, 6, figsize=(9.2, 1.9), layout="constrained")
for axis, i in zip(axes, range(6), strict=True):
    axis.imshow(figures.overlay(pixels[i], heatmaps[i]))
    for (left, top, right, bottom), colour in ((truth[i], "white"), (found[i], "gold")):
        corner = (left - 0.5, top - 0.5)
        axis.add_patch(plt.Rectangle(corner, right - left, bottom - top, fill=False, ec="black", lw=3))
        axis.add_patch(plt.Rectangle(corner, right - left, bottom - top, fill=False, ec=colour, lw=1.5))
    overlap = metrics.box_iou(found[i : i + 1], truth[i : i + 1])[0]
    axis.set_title(f"{scenes.CLASSES[labels[i]]}\nIoU {overlap:.2f}", fontsize=8)
    axis.axis("off")
figure.suptitle("white: the object's box; gold: CAM's", fontsize=9)
plt.show()

# %% [markdown]
# ## Does averaging matter?
#
# The paper says that average pooling makes the network look at the whole object, while maximum pooling is content
# with its most telling part. `gmp-scenes` is the same network, trained on the same scenes, with the maximum in place
# of the mean. Both classify equally well. Here is the localisation accuracy (boxes with an IoU of at least a half) of
# both, at every threshold, not only at the paper's.

# %%
maximum = networks.load("gmp-scenes", seed=0)
with torch.no_grad(), watching.activations(maximum, maximum.features) as outputs:
    maximum(pixels)
gmp_maps = torch.einsum("bkyx,bk->byx", outputs[0], maximum.classifier.weight[labels])[:, None].detach()

thresholds = np.arange(0.05, 0.75, 0.05)
figure, axis = plt.subplots(figsize=(5.2, 3), layout="constrained")
for name, maps in (("average pooling", heatmaps), ("maximum pooling", gmp_maps)):
    right = [(metrics.box_iou(metrics.boxes(maps, (64, 64), t), truth) >= 0.5).mean() for t in thresholds]
    axis.plot(thresholds, right, marker="o", markersize=3, label=name)
axis.axvline(0.2, color="grey", lw=0.8, ls="--")
axis.annotate("the paper's 20%", (0.205, 0.93), fontsize=8, color="grey")
axis.set(xlabel="threshold, share of the map's maximum", ylabel="localisation accuracy", ylim=(0, 1))
axis.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# At the paper's threshold the difference is large, and it holds for every seed. But most of it is the threshold's
# doing: a map that peaks on one part needs a lower one. With a threshold of its own, and a little smoothing, maximum
# pooling comes close to average pooling, and the ledger of claims says so: the paper's comparison holds under the
# paper's rule, and nearly vanishes without it.
#
# **To try:** another scene (`WHICH`), another seed of the network, or an image of your own on a network of your own:
#
# ```sh
# sightglass run cam --image photo.jpg --out cam.png --model resnet50 --weights DEFAULT
# ```
