# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Grad-CAM, step by step
#
# CAM reads the weights of a linear layer that follows global average pooling. Most networks have no such layer.
# Grad-CAM (Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization*, ICCV
# 2017) gets its weights from gradients instead, and so works for any network and any layer. This page computes it by
# hand, shows that on CAM's kind of network it *is* CAM, and asks what it shows that a sharper picture does not.

# %%
import matplotlib.pyplot as plt
import torch

from repro.attribution.cam import cam
from repro.attribution.grad_cam import grad_cam
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.guided_grad_cam import guided_grad_cam
from repro.engine import watching
from repro.lab import controls, figures, metrics, networks, scenes

torch.set_num_threads(1)
network = networks.load("fc-scenes", seed=0)
print(network.pool, network.classifier)

# %% [markdown]
# This network has two fully connected layers. They weigh every place in their own way: there is no one weight for each
# feature map that CAM could read. Here is a scene with objects of two classes that it has not seen.

# %%
scene = scenes.load(400, seed=0, two_classes=True)
WHICH = 5
images = torch.from_numpy(scene.images[WHICH : WHICH + 1]) / 255
classes = scene.instance_classes[WHICH, :2].tolist()
names = [scenes.CLASSES[c] for c in classes]

plt.figure(figsize=(2.4, 2.4))
plt.imshow(images[0].permute(1, 2, 0))
plt.title(" and ".join(names), fontsize=9)
plt.axis("off")
plt.show()

# %% [markdown]
# ## Equation (1): how much a feature map matters
#
# ```text
# α_k^c = 1/Z Σ_ij ∂y^c / ∂A_ij^k                                  (1)
# ```
#
# `A` are the feature maps of the last convolution, `y^c` is the score of class *c* before the softmax. A map matters as
# much as the score rises, on average over its places, when the map rises.

# %%
with watching.activations(network, network.features) as outputs:
    y = network(images)
A = outputs[0]  # (1, 64, 16, 16)
(gradient,) = torch.autograd.grad(y[0, classes[0]], A)
alpha = gradient.mean((2, 3))[0]

plt.figure(figsize=(7, 2))
plt.bar(range(64), alpha, width=0.9)
plt.xlabel("feature map k")
plt.ylabel("α")
plt.title(f"weights for {names[0]}", fontsize=9)
plt.show()

# %% [markdown]
# ## Equation (2): where
#
# ```text
# L^c = ReLU(Σ_k α_k^c A^k)                                        (2)
# ```
#
# The ReLU keeps the evidence for the class. What it cuts off is not lost: with the gradient negated (Sec. 3.3) the same
# two equations show the evidence *against* the class. On this scene that is the other object.

# %%
L = torch.einsum("k,kij->ij", alpha, A[0]).relu().detach()
target = torch.tensor(classes[:1])
torch.testing.assert_close(grad_cam(network, images, target)[0, 0], L)

against = grad_cam(network, images, target, counterfactual=True)
other = grad_cam(network, images, torch.tensor(classes[1:]))
figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.7), layout="constrained")
for axis, heatmap, title in zip(
    axes, (L[None], against[0], other[0]), (names[0], f"against {names[0]}", names[1]), strict=True
):
    axis.imshow(figures.overlay(images[0], heatmap))
    axis.set_title(title, fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## On a network that CAM reads, Grad-CAM is CAM
#
# With global average pooling the gradient of a logit is the same at all places of a map: the linear layer's weight
# divided by the number of places (Sec. 3.1). So the map is CAM's, without what is negative, divided by 256:

# %%
pooled = networks.load("gap-scenes", seed=0)
torch.testing.assert_close(grad_cam(pooled, images, target), cam(pooled, images, target).relu() / 256)

# %% [markdown]
# ## Any layer, also a convolution whose ReLU works in place
#
# Earlier layers have finer maps, and less to say about the class. `target_layer` names one; without it Grad-CAM takes
# the maps that the last pooling is given. A convolution that is followed by an in-place ReLU is no trap here: the
# model is given a copy, so that the maps stay what the convolution returned.

# %%
layers = ["features.1", "features.3", "features.6", "features.8", "features.10", "features.9"]
figure, axes = plt.subplots(1, len(layers), figsize=(9.2, 1.9), layout="constrained")
for axis, name in zip(axes, layers, strict=True):
    heatmap = grad_cam(network, images, target, network.get_submodule(name))[0]
    axis.imshow(figures.overlay(images[0], heatmap))
    axis.set_title(f"{name}, {heatmap.shape[1]}x{heatmap.shape[2]}", fontsize=8)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Sharper pictures, and what they explain
#
# Guided backpropagation goes back to the pixels, and lets through every ReLU only what is positive. The picture is
# sharp. Guided Grad-CAM (Sec. 3.2) multiplies it with Grad-CAM's map, enlarged to the image's size.

# %%
figure, axes = plt.subplots(1, 4, figsize=(9.2, 2.5), layout="constrained")
for i, c in enumerate(classes):
    chosen = torch.tensor([c])
    for j, (title, method) in enumerate((("guided", guided_backprop), ("Guided Grad-CAM", guided_grad_cam))):
        axis = axes[2 * i + j]
        axis.imshow(method(network, images, chosen)[0].abs().sum(0), cmap="inferno")
        axis.set_title(f"{title}: {names[i]}", fontsize=8)
        axis.axis("off")
plt.show()

# %% [markdown]
# But how much of the picture comes from what the network has learned? Randomise the two layers of the head, by putting
# their weights in a random order. An explanation of what the network has learned should change with it. Here is how
# alike the maps are before and after, as rank correlations over 100 scenes:

# %%
some = scenes.load(2000, seed=0)
pixels, labels = torch.from_numpy(some.images[:100]) / 255, torch.from_numpy(some.labels[:100])
randomised = controls.randomised(network, "classifier.0", "classifier.2")
coarse = [grad_cam(model, pixels, labels) for model in (network, randomised)]
fine = [guided_backprop(model, pixels, labels).abs().sum(1, keepdim=True) for model in (network, randomised)]
fine = [torch.nn.functional.avg_pool2d(maps, 4) for maps in fine]
for name, pair in (("Grad-CAM", coarse), ("guided backpropagation", fine)):
    print(f"{name:24}{metrics.rank_correlation(*pair).mean():6.2f}")

# %% [markdown]
# Guided backpropagation shows nearly the same picture for a network that no longer knows any class. It shows the edges
# that the convolutions see; only *where* they are shown, in Guided Grad-CAM, has to do with the class.
#
# **To try:** another scene (`WHICH`), the head's layers randomised one at a time, or an image of your own:
#
# ```sh
# sightglass run grad-cam --image photo.jpg --out grad-cam.png --model vgg16 --weights DEFAULT
# ```
