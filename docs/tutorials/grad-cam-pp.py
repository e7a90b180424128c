# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Grad-CAM++, and what its weights amount to
#
# Grad-CAM weighs a feature map by its *mean* gradient. So a map that finds its pattern in a few places counts for
# little, and of several objects the small ones fade. Grad-CAM++ (Chattopadhay et al., WACV 2018) gives each place a
# weight of its own. This page derives the weights, checks them, and looks at what they do.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from repro.attribution.grad_cam import grad_cam
from repro.attribution.grad_cam_pp import grad_cam_pp
from repro.engine import watching
from repro.engine.heatmaps import upsample
from repro.lab import figures, networks, scenes

torch.set_num_threads(1)
network = networks.load("fc-scenes", seed=0)
held_out = scenes.load(2000, seed=0)
several = held_out.take(np.flatnonzero((held_out.instance_classes >= 0).sum(1) == 3))
WHICH = 2
images, label = torch.from_numpy(several.images[WHICH : WHICH + 1]) / 255, int(several.labels[WHICH])
target = torch.tensor([label])

# %% [markdown]
# ## The weights
#
# ```text
# w_k^c = Σ_ij α_ij^kc relu(∂Y^c / ∂A_ij^k)                        (5)
# α_ij^kc = Y'' / (2 Y'' + Σ_ab A_ab^k Y''')                        (10)
# ```
#
# where `Y''` and `Y'''` are the second and third derivative along the one number `A_ij^k`. The score `Y^c` is the
# exponential of the logit `S^c`. Behind the last maps there are only linear layers, ReLUs and pooling, so the logit is
# piecewise linear, its second derivative is zero, and the exponential hands down powers of the gradient *g*:
# `Y' = Y g`, `Y'' = Y g²`, `Y''' = Y g³` (Eqs. 13, 17, 18). Put into (10):
#
# ```text
# α = g² / (2 g² + g³ ΣA)                                           (19)
#   = 1 / (2 + g ΣA)
# ```

# %%
with watching.activations(network, network.features) as outputs:
    S = network(images)
A = outputs[0]
(g,) = torch.autograd.grad(S[0, label], A)
alpha = 1 / (2 + g * A.sum((2, 3), keepdim=True))  # Eq. (19)
w = (alpha * g.relu()).sum((2, 3))  # Eq. (5)
L = torch.einsum("bk,bkij->bij", w, A).relu().detach()  # Eq. (20)
torch.testing.assert_close(grad_cam_pp(network, images, target)[:, 0], L)

# %% [markdown]
# Is that really the second and third derivative? Automatic differentiation says so, at one place of one map, in double
# precision:

# %%
double = networks.load("fc-scenes", seed=0).double()
maps = A.detach().double()
k = int((g.clamp_min(0) * A).sum((2, 3)).argmax())
i, j = divmod(int((g[0, k] * (A[0, k] > 0)).argmax()), 16)
step = torch.zeros((), dtype=torch.float64, requires_grad=True)
there = torch.zeros_like(maps)
there[0, k, i, j] = 1
moved = maps + step * there
Y = (double.classifier(double.pool(moved).flatten(1))[0, label] - S[0, label].detach()).exp()
derivatives = []
for _ in range(3):
    (Y,) = torch.autograd.grad(Y, step, create_graph=True)
    derivatives.append(Y.item())
print("derivatives      ", *(f"{d:.6g}" for d in derivatives))
print("g, g squared, ...", *(f"{float(g[0, k, i, j]) ** n:.6g}" for n in (1, 2, 3)))

# %% [markdown]
# ## What the weights amount to
#
# `1 / (2 + g ΣA)` has two ends. Where `g ΣA` is small all `α` are a half, and the map is Grad-CAM's with the negative
# gradients left out. Where it is large the gradient cancels, and `w` is the number of places that rise over the sum of
# the map. Here is where this network lies:

# %%
product = (g * A.sum((2, 3), keepdim=True))[g > 0].detach()
product = product[product > 0]
plt.figure(figsize=(5.2, 2.4))
plt.hist(product.log10(), bins=60)
plt.axvline(np.log10(2), color="black", lw=1)
plt.annotate("α = a quarter", (np.log10(2) + 0.1, plt.ylim()[1] * 0.9), fontsize=8)
plt.xlabel("g ΣA, logarithm to base 10")
plt.ylabel("places with a positive gradient")
plt.show()

# %% [markdown]
# ## Several objects
#
# The third map has no `α` at all, only the positive gradients.

# %%
positive = torch.einsum("bk,bkij->bij", g.relu().sum((2, 3)), A).relu().detach()
shown = {"Grad-CAM": grad_cam(network, images, target)[0], "Grad-CAM++": L, "positive gradients alone": positive}
figure, axes = plt.subplots(1, 4, figsize=(9.2, 2.6), layout="constrained")
axes[0].imshow(images[0].permute(1, 2, 0))
axes[0].set_title(f"three times {scenes.CLASSES[label]}", fontsize=9)
for axis, (title, heatmap) in zip(axes[1:], shown.items(), strict=True):
    axis.imshow(figures.overlay(images[0], heatmap))
    axis.set_title(title, fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# Over many scenes, how much of each object lies above a quarter of the map's maximum? Objects are sorted by their size
# within the scene. Change `THRESHOLD`: is the difference one of place, or of how steeply the map falls off?

# %%
THRESHOLD = 0.25

few = several.take(np.arange(100))
pixels, labels = torch.from_numpy(few.images) / 255, torch.from_numpy(few.labels)
areas = few.instance_masks.sum((2, 3))
order = np.argsort(-areas, axis=1)
print("share of the largest, middle and smallest object")
for name, method in (("Grad-CAM", grad_cam), ("Grad-CAM++", grad_cam_pp)):
    maps = upsample(method(network, pixels, labels), (64, 64))[:, 0]
    above = (maps > THRESHOLD * maps.amax((1, 2), keepdim=True)).numpy()
    covered = (few.instance_masks & above[:, None]).sum((2, 3)) / np.maximum(areas, 1)
    off = (above & ~few.class_masks()).mean()
    by_size = np.take_along_axis(covered, order, 1).mean(0)
    print(f"{name:12}", *(f"{share:.2f}" for share in by_size), f"   off the objects: {off:.2f}")

# %% [markdown]
# The ledger of claims has the paper's own measures with it: what happens to the network's confidence when all but the
# map is covered, with black, as in the paper, or with grey. The choice of that colour moves the figures about
# as much as the choice of the method.
#
# Popular libraries compute other weights than (19), because of a small number added to the denominator, or a copy
# that is divided and thrown away. The module's docstring and its tests name them.
#
# **To try:** another scene (`WHICH`), `output="softmax"` (Sec. 3.4), or an image of your own:
#
# ```sh
# sightglass run grad-cam-pp --image photo.jpg --out grad-cam-pp.png --model resnet50 --weights DEFAULT
# ```
