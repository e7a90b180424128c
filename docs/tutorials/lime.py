# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # LIME, step by step
#
# A network is too complex to be read. But perhaps near one image it can be replaced by something that can: a linear
# model. Ribeiro, Singh and Guestrin (*"Why Should I Trust You?": Explaining the Predictions of Any Classifier*, KDD
# 2016) hide parts of the image at random, watch the network's answer, and fit the linear model to what they see.

# %%
import matplotlib.pyplot as plt
import torch

from repro.engine.superpixels import Superpixels, answers
from repro.lab import figures, networks, scenes, superpixels
from repro.surrogate.lime import fit, lime, proximity, switches

torch.set_num_threads(1)
network = networks.load("zf-scenes", seed=0)
scene = scenes.load(400, seed=0, two_classes=True)
WHICH, SAMPLES = 23, 300
image = torch.from_numpy(scene.images[WHICH : WHICH + 1]) / 255
classes = scene.instance_classes[WHICH, :2].tolist()
names = [scenes.CLASSES[c] for c in classes]

# %% [markdown]
# ## Parts that a person can see
#
# A linear model of 12,288 pixel values explains nothing to anybody. So the image is divided into superpixels, patches
# of similar colour (here by SLIC), and the linear model knows only which of them are visible (Sec. 3.1).

# %%
segments = superpixels.slic(image, 40)
whole = Superpixels.of(image, segments, 0.5)
count = whole.counts[0]
on = switches(whole.counts, SAMPLES)
print(f"{count} superpixels; sample 0 shows {int(on[0, 0].sum())}, sample 1 shows {int(on[0, 1].sum())} of them")

# %% [markdown]
# The first sample is the image itself. In every other a random number of superpixels is grey (Sec. 3.3). For each of
# them the network is asked for the probability of the class.

# %%
told = answers(network, whole, torch.tensor(classes[:1]), on)[0]
seen = whole.shown(torch.zeros(3, dtype=torch.long), on[0, :3])
parts = Superpixels.of(image, segments, "mean").filled
figure, axes = plt.subplots(1, 4, figsize=(9.4, 2.7), layout="constrained")
axes[0].imshow(parts[0].permute(1, 2, 0))
axes[0].set_title(f"{count} superpixels", fontsize=9)
for number, axis in enumerate(axes[1:]):
    axis.imshow(seen[number].permute(1, 2, 0))
    axis.set_title(f"{names[0]}: {told[number].item():.3f}", fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Equation (2): near samples count more
#
# ```text
# L = Σ π(z) (f(z) - g(z'))²,    π(z) = exp(-D(x, z)² / σ²)        (2)
# ```
#
# `f(z)` is what the network says of sample `z`, `g(z')` what the linear model says of its on/off vector. `D` is the
# cosine distance between that vector and the one with everything on. The minimum can be written down: it is a
# weighted least-squares problem, here with a small ridge penalty.

# %%
z = torch.cat([torch.ones(SAMPLES, 1), on[0]], 1).double()  # a column of ones for the intercept
weights = torch.exp(-(((1 - on[0].double().mean(1).sqrt()) / 0.3536) ** 2))
penalty = torch.eye(count + 1).double()
penalty[0, 0] = 0  # none for the intercept
by_hand = torch.linalg.solve(z.T @ (weights[:, None] * z) + penalty, z.T @ (weights * told.double()))

linear = fit(on[0], told, width=0.3536, penalty=1.0)
torch.testing.assert_close(linear.coefficients, by_hand[1:])
torch.testing.assert_close(proximity(on[0], 0.3536), weights)
print(f"weighted R squared: {linear.r_squared.item():.2f}")

# %% [markdown]
# R squared says how much of the network's behaviour near this image the linear model explains. If it is low, the
# weights below describe the linear model and not the network.
#
# ## The weights, for each of the two classes

# %%
figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.7), layout="constrained")
axes[0].imshow(image[0].permute(1, 2, 0))
axes[0].set_title(" and ".join(names), fontsize=9)
for axis, c, name in zip(axes[1:], classes, names, strict=True):
    heatmap = lime(network, image, torch.tensor([c]), segments, samples=SAMPLES)
    axis.imshow(figures.overlay(image[0], heatmap[0]))
    axis.set_title(name, fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Ask twice
#
# The samples are random. How much do the weights change if others are drawn?

# %%
for samples in (50, 150, 600):
    draws = [lime(network, image, torch.tensor(classes[:1]), segments, samples=samples, seed=seed) for seed in (0, 1)]
    flat = torch.stack([each.flatten() for each in draws])
    print(f"{samples} samples: correlation of two maps {torch.corrcoef(flat)[0, 1].item():.2f}")

# %% [markdown]
# Before a map is shown to anybody, draw it twice.
#
# If you use the authors' package with superpixels of your own, number them from 0: it takes a superpixel's number for
# its column, so that with numbers from 1 the last superpixel is never hidden.
#
# **To try:** a narrow kernel (`width=0.1`), the logit (`of="logit"`), only four superpixels (`keep=4, penalty=0.0`), or
# an image of your own:
#
# ```sh
# sightglass run lime --image photo.jpg --out lime.png --set samples=300 --set parts=50
# ```
