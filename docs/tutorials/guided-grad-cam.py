# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Guided Grad-CAM: sharp, and where the class is
#
# Grad-CAM follows the class but is coarse; guided backpropagation is sharp but hardly follows the class. Guided
# Grad-CAM (Selvaraju et al., ICCV 2017, Sec. 3.2) multiplies the two. This page makes the product by hand, measures
# what it takes from each factor, and puts something else in the place of one of them.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional

from repro.attribution.grad_cam import grad_cam
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.guided_grad_cam import guided_grad_cam
from repro.engine.heatmaps import upsample
from repro.lab import controls, metrics, networks, scenes

torch.set_num_threads(1)
network = networks.load("fc-scenes", seed=0)
held_out = scenes.load(400, seed=0, two_classes=True)
WHICH = 5
images = torch.from_numpy(held_out.images[WHICH : WHICH + 1]) / 255
classes = held_out.instance_classes[WHICH, :2].tolist()
names = [scenes.CLASSES[c] for c in classes]

# %% [markdown]
# ## The product
#
# ```text
# Guided Grad-CAM = upsample(L^c) * R^0                             (Sec. 3.2)
# ```
#
# `L^c` is Grad-CAM's map (Eq. 2), never negative, on the grid of the last convolution. `R^0` is what guided
# backpropagation finds at the pixels. Bilinear interpolation brings the first to the size of the second.

# %%
target = torch.tensor(classes[:1])
L = grad_cam(network, images, target)
R = guided_backprop(network, images, target)
product = functional.interpolate(L, R.shape[2:], mode="bilinear", align_corners=False) * R
torch.testing.assert_close(guided_grad_cam(network, images, target), product)
print("Grad-CAM", tuple(L.shape), " guided backpropagation", tuple(R.shape))

# %% [markdown]
# For each class of the scene, from left to right: Grad-CAM says where, guided backpropagation says what in detail, the
# product says both.


# %%
def size(attribution):
    return attribution.abs().sum(1, keepdim=True)


figure, axes = plt.subplots(2, 4, figsize=(9.2, 4.8), layout="constrained")
for row, chosen, name in zip(axes, classes, names, strict=True):
    target = torch.tensor([chosen])
    row[0].imshow(images[0].permute(1, 2, 0))
    row[0].set_title(" and ".join(names), fontsize=8)
    for axis, method in zip(row[1:], (grad_cam, guided_backprop, guided_grad_cam), strict=True):
        axis.imshow(size(method(network, images, target))[0, 0], cmap="inferno")
        axis.set_title(f"{method.__name__}: {name}", fontsize=8)
for axis in axes.flat:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## What comes from which factor
#
# Two numbers for each map, over 100 scenes with objects of two classes, asked for each of the two. *Right of two*: how
# often the map holds more on the object of its class than on the other one; a coin gets a half. *Fine*: the share of
# the map's energy in waves so short that Grad-CAM's grid, of 16 by 16 cells here, cannot carry them.

# %%
pixels = torch.from_numpy(held_out.images[:100]) / 255


def right_of_two(method):
    right = []
    for own, other in ((0, 1), (1, 0)):
        maps = size(method(network, pixels, torch.from_numpy(held_out.instance_classes[:100, own])))
        maps = upsample(maps, (64, 64))
        on_own, on_other = (metrics.energy_in_mask(maps, held_out.instance_masks[:100, i]) for i in (own, other))
        right.append(on_own > on_other)
    return np.mean(right)


def fine(method):
    maps = upsample(size(method(network, pixels, torch.from_numpy(held_out.instance_classes[:100, 0]))), (64, 64))
    energy = torch.fft.fft2(maps[:, 0] - maps.mean((1, 2, 3))[:, None, None]).abs() ** 2
    waves = (torch.fft.fftfreq(64) * 64).abs()  # along a side
    short = torch.maximum(waves[:, None], waves) > 8
    return float(((energy * short).sum((1, 2)) / energy.sum((1, 2)).clamp_min(1e-12)).mean())  # 0 for an empty map


def report(methods):
    print(f"{'':28}right of two   fine")
    for name, method in methods.items():
        print(f"{name:28}{right_of_two(method):12.2f}{fine(method):7.2f}")


METHODS = {
    "Grad-CAM": grad_cam,
    "guided backpropagation": guided_backprop,
    "Guided Grad-CAM": guided_grad_cam,
}
report(METHODS)

# %% [markdown]
# ## Something else in the place of a factor
#
# How much of the detail does the network contribute? Here Sobel's filter, which finds outlines and knows nothing of any
# network, takes the place of guided backpropagation; and once more with the network's head randomised, in either
# factor.

# %%
randomised = controls.randomised(network, "classifier.0", "classifier.2")


def edges_instead(model, images, classes):
    return upsample(grad_cam(model, images, classes), (64, 64)) * controls.edges(images)


def guided_randomised(model, images, classes):
    return upsample(grad_cam(model, images, classes), (64, 64)) * guided_backprop(randomised, images, classes)


def grad_cam_randomised(model, images, classes):
    return upsample(grad_cam(randomised, images, classes), (64, 64)) * guided_backprop(model, images, classes)


OTHERS = {
    "edges instead of guided": edges_instead,
    "guided, head randomised": guided_randomised,
    "Grad-CAM, head randomised": grad_cam_randomised,
}
report(OTHERS)

figure, axes = plt.subplots(1, 4, figsize=(9.2, 2.6), layout="constrained")
target = torch.tensor(classes[:1])
for axis, (name, method) in zip(axes, ({"Guided Grad-CAM": guided_grad_cam} | OTHERS).items(), strict=True):
    axis.imshow(size(method(network, images, target))[0, 0], cmap="inferno")
    axis.set_title(f"{name}: {names[0]}", fontsize=7)
    axis.axis("off")
plt.show()

# %% [markdown]
# What chooses the object is Grad-CAM: with its head randomised, the choice suffers most. Sobel's outlines, cut out by
# its map, choose as well as guided backpropagation does, and are no less fine. So read a Guided Grad-CAM picture as
# what it is: *where* comes from the class; *what is drawn there* comes from the image, and an outline looks convincing
# whether or not it had a part in the decision.
#
# **To try:** another scene (`WHICH`); an earlier layer, whose map is as coarse but says less about the class:
# `METHODS["early"] = lambda m, i, c: guided_grad_cam(m, i, c, m.get_submodule("features.3"))`, then `report(METHODS)`;
# or an image of your own:
#
# ```sh
# sightglass run guided-grad-cam --image photo.jpg --out guided-grad-cam.png --model vgg16 --weights DEFAULT
# ```
