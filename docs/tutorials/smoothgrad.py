# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Gradients: from vanilla to SmoothGrad
#
# The gradient of a class's score with respect to the pixels is the oldest and cheapest picture of what matters to a
# network (Simonyan et al., 2014). It is also full of speckle. SmoothGrad (Smilkov et al., 2017) averages it over noisy
# copies of the image. This page looks at the gradient, at its square, at the speckle, and at what averaging helps.

# %%
import warnings

import matplotlib.pyplot as plt
import torch
from torch.nn import functional

from repro.attribution.smoothgrad import smoothgrad
from repro.engine.gradients import pixel_gradient
from repro.lab import figures, metrics, networks, photo_panels, protocols, scenes

torch.set_num_threads(1)
warnings.simplefilter("ignore")  # a library asks for a progress bar that is not needed
network = networks.load("vgg-scenes", seed=0)
some = scenes.one_object(40, seed=0)
images, classes = networks.inputs(some.images, some.labels)
WHICH = 3
image, target = images[WHICH : WHICH + 1], classes[WHICH : WHICH + 1]

# %% [markdown]
# ## The gradient
#
# One pass forward to the logit, one pass back to the pixels. The gradient has the shape of the image and a sign: red
# where a brighter pixel would raise the logit, blue where it would lower it.

# %%
pixels = image.clone().requires_grad_()
logit = network(pixels)[0, target.item()]
(gradient,) = torch.autograd.grad(logit, pixels)
torch.testing.assert_close(gradient, pixel_gradient(network, image, target))

# %% [markdown]
# To get one value for each pixel, people take the sum of the colours, with its sign; the largest absolute value
# (Simonyan et al.); or the sum of the squares (sensitivity analysis). Squares leave only the strongest points.

# %%
VIEWS = {
    "sum, signed": lambda values: values.sum(1, keepdim=True),
    "largest absolute value": lambda values: values.abs().amax(1, keepdim=True),
    "sum of squares": lambda values: values.square().sum(1, keepdim=True),
}


def show(columns):
    _, axes = plt.subplots(1, len(columns), figsize=(2.35 * len(columns), 2.7), layout="constrained")
    for axis, (title, panel) in zip(axes, columns.items(), strict=True):
        axis.imshow(panel if panel.ndim == 3 else figures.overlay(image[0], panel[0]))
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    plt.show()


scene = {scenes.CLASSES[target.item()]: image[0].permute(1, 2, 0)}
show(scene | {title: view(gradient) for title, view in VIEWS.items()})

# %% [markdown]
# ## The speckle
#
# Neighbouring pixels have gradients of any sign and size. They are not wrong: each is the exact slope at this image.
# But the slope of a ReLU network changes at every step. Add a little noise, far too little to be seen, and compare the
# gradient with what it was; and count how often the network still recognises the object.


# %%
def noisy(of, noise, seed):
    spread = of.amax((1, 2, 3), keepdim=True) - of.amin((1, 2, 3), keepdim=True)
    return of + noise * spread * torch.randn(of.shape, generator=torch.Generator().manual_seed(seed))


LEVELS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15)
before = pixel_gradient(network, images, classes)
print("noise   cosine with the gradient   still recognised")
for level in LEVELS:
    changed = noisy(images, level, seed=0)
    cosine = functional.cosine_similarity(
        before.flatten(1), pixel_gradient(network, changed, classes).flatten(1)
    ).mean()
    with torch.no_grad():
        right = (network(changed).argmax(1) == classes).float().mean()
    print(f"{level:5.3f}{cosine.item():20.2f}{right.item():21.2f}")

# %% [markdown]
# ## The mean
#
# What the gradients at noisy copies have in common stays, what each has for itself averages out:
#
# ```text
# SmoothGrad = mean over n of M_c(x + N(0, sigma^2))        sigma = noise * (x_max - x_min)
# ```
#
# `M_c` is the gradient of the logit. It is a loop; the function draws each sample's noise from the sample's number, so
# that the result is the same however many copies go through the network at a time.

# %%
NOISE, SAMPLES = 0.03, 25
by_hand = sum(pixel_gradient(network, noisy(image, NOISE, seed=n), target) for n in range(SAMPLES)) / SAMPLES
found = smoothgrad(network, image, target, noise=NOISE, samples=SAMPLES)
torch.testing.assert_close(by_hand, found, rtol=1e-3, atol=1e-4)

# %% [markdown]
# More samples make the picture steadier; more noise makes it coarser, and at some point the network no longer sees the
# object. Down: 1, 5, 25 samples. Across: noise of 1%, 5% and 15% of the image's range; the paper advises 10 to 20%.

# %%
figure, axes = plt.subplots(3, 3, figsize=(6.6, 6.9), layout="constrained")
for row, samples in zip(axes, (1, 5, 25), strict=True):
    for axis, level in zip(row, (0.01, 0.05, 0.15), strict=True):
        each = smoothgrad(network, image, target, noise=level, samples=samples)
        axis.imshow(figures.overlay(image[0], each.abs().sum(1)))
        axis.set_title(f"n = {samples}, noise {level:.0%}", fontsize=9)
        axis.axis("off")
plt.show()

# %% [markdown]
# ## Is it better?
#
# Two numbers for the size of each map, over forty scenes. *On the object*: how much of it lies there; the object fills
# a tenth of the image. *AUC*: the chance that a pixel of the object has a larger value than one beside it. And two
# controls: the square of the plain gradient, and the plain gradient blurred by a mean over 5 by 5 pixels, which costs
# one pass in place of twenty-five.

# %%
masks = some.class_masks()


def size(values):
    return values.abs().sum(1, keepdim=True)


def report(maps):
    print(f"{'':26}on the object    AUC")
    for name, each in maps.items():
        on_object, auc = (measure(each, masks).mean() for measure in (metrics.energy_in_mask, metrics.pixel_auc))
        print(f"{name:26}{on_object:13.2f}{auc:7.2f}")


MAPS = {
    "gradient": size(before),
    "gradient, squared": before.square().sum(1, keepdim=True),
    "gradient, blurred": functional.avg_pool2d(size(before), 5, 1, 2),
}
for level in (0.01, 0.03, 0.15):
    MAPS[f"SmoothGrad, noise {level:.0%}"] = size(
        smoothgrad(network, images, classes, noise=level, samples=SAMPLES, batch=40)
    )
report(MAPS)

# %% [markdown]
# How much does a map depend on the noise that happened to be drawn? The rank correlation of two runs:

# %%
for samples in (1, 4, 16):
    first, second = (
        smoothgrad(network, images[:16], classes[:16], noise=NOISE, samples=samples, seed=seed, batch=32)
        for seed in (1, 2)
    )
    print(f"{samples:2} samples: {protocols.similarity(first, second, grid=64):.2f}")

# %% [markdown]
# With 1% noise SmoothGrad shows the object better than the plain gradient. With 3% the gain is gone, and with the 15%
# that the paper advises the map is worse than one gradient: the table above says that this network no longer recognises
# such copies, and what is averaged are explanations of another decision. So choose the noise by how many copies are
# still recognised, not by its size. Two cheap rivals do as well on one of the numbers each: squares concentrate a map
# on the object, and a blur finds the object's pixels.
#
# ## On a photograph
#
# EfficientNet-Lite0 was trained on photographs. Here are its gradient for *Egyptian cat*, and SmoothGrad with 5% and
# 15% noise.

# %%
photo_network, photo, cat = photo_panels.network(), photo_panels.view("cat"), torch.tensor([photo_panels.CAT])
shown = [photo[0], photo_panels.over(photo[0], size(pixel_gradient(photo_network, photo, cat))[0])]
for level in (0.05, 0.15):
    each = smoothgrad(photo_network, photo, cat, noise=level, samples=16)
    shown.append(photo_panels.over(photo[0], size(each)[0]))
figure, axes = plt.subplots(1, 4, figsize=(9.4, 2.7), layout="constrained")
for axis, panel, title in zip(axes, shown, ("photograph", "gradient", "noise 5%", "noise 15%"), strict=True):
    axis.imshow(panel.permute(1, 2, 0))
    axis.set_title(title, fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# Here the mean helps also with the paper's noise: the speckle is gone from the background and the edge of the picture,
# and what stays lies on the eyes and the nose. How much noise is right depends on the network.
#
# **To try:** another scene (`WHICH`); the mean of the squares, which the paper's authors use in their code:
# `MAPS["squares"] = smoothgrad(network, images, classes, noise=0.01, samples=25, squared=True).sum(1, keepdim=True)`,
# then `report(MAPS)`; or an image of your own:
#
# ```sh
# sightglass run smoothgrad --image photo.jpg --out smoothgrad.png --set noise=0.05
# ```
