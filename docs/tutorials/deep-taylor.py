# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # From Taylor to deep Taylor decomposition
#
# How much of a score comes from each pixel? Near a point where the score is zero, a root, Taylor's theorem gives an
# answer: gradient times the distance from the root. One expansion of a whole network is noisy. Deep Taylor
# decomposition (Montavon et al., *Explaining nonlinear classification decisions with deep Taylor decomposition*,
# Pattern Recognition 2017) makes one for every unit, each of which is as simple as a function can be.

# %%
import matplotlib.pyplot as plt
import torch

from repro.attribution.deep_taylor import deep_taylor
from repro.attribution.grad_cam import grad_cam
from repro.attribution.lrp import everywhere, first, lrp
from repro.engine.gradients import pixel_gradient
from repro.engine.relevance_rules import WSquare, ZPlus
from repro.lab import metrics, networks, scenes

torch.set_num_threads(1)

WHICH = 4
scene = scenes.one_object(40, seed=0)
images, classes = networks.inputs(scene.images[WHICH : WHICH + 1], scene.labels[WHICH : WHICH + 1])
network = networks.load("bias-free-scenes", seed=0)
print(f"{scenes.CLASSES[classes[0]]}: {network(images)[0, classes[0]]:.3f}")

# %% [markdown]
# ## One step for the whole network
#
# A ReLU network without biases is zero for the grey image that its normalisation turns into zeros, and the score grows
# in proportion on the way from grey to the image. So simple Taylor decomposition is one line, and it is exact:

# %%
simple = pixel_gradient(network, images, classes) * (images - 0.5)
print(f"sum {simple.sum():.3f}, negative {(simple < 0).float().mean():.0%} of the values")

# %% [markdown]
# The sum is right, but positive and negative values stand side by side and almost cancel: the gradient of a deep
# network changes from pixel to pixel.
#
# ## One step for one unit
#
# Take a single unit, `max(0, w·x)`, whose inputs come from ReLUs and cannot be negative. Its root must not be negative
# either. So only the inputs that raise the unit are taken away, all in the same proportion, until it falls silent.
# Below, bisection finds that root, and the Taylor terms there are the z-plus rule (a):
#
# ```text
# R_i = x_i w_i⁺ / Σ x w⁺ · R                                       (a)
# ```

# %%
x, w = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([1.0, -0.5, 2.0])
raising = torch.where(w > 0, x, 0)
near, far = 0.0, 1.0
for _ in range(40):
    middle = (near + far) / 2
    near, far = (middle, far) if w @ (x - middle * raising) > 0 else (near, middle)
root = x - far * raising
torch.set_printoptions(precision=3, sci_mode=False)
print("root        ", root, "the unit there:", w @ root)
print("Taylor terms", w * (x - root))
print("z-plus      ", raising * w / (raising @ w) * (w @ x))

# %% [markdown]
# Pixels lie between black and white instead. There the root is sought towards the corner of that box in which the unit
# is lowest: rule z-B. If nothing is known of the inputs, the shortest way to a root gives w-square. Applied to unit
# after unit, from the logit down, this gives a map. It has no negative values and still sums to the score:

# %%
maps = {
    "simple Taylor": simple,
    "deep Taylor, z-B": deep_taylor(network, images, classes),
    "with w-square": lrp(network, images, classes, first(WSquare(), everywhere(ZPlus()))),
}
figure, axes = plt.subplots(1, 4, figsize=(8, 2.2), layout="constrained")
axes[0].imshow(images[0].permute(1, 2, 0))
for axis, (title, relevance) in zip(axes[1:], maps.items(), strict=True):
    print(f"{title:17} sum {relevance.sum():.3f}, lowest {relevance.min():.4f}")
    heatmap = relevance.sum(1)[0]
    limit = heatmap.abs().max()
    axis.imshow(heatmap, cmap="coolwarm", vmin=-limit, vmax=limit)
    axis.set_title(title, fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## What it does not tell
#
# Ask for the class that comes second, and look again. The scores differ, the maps hardly do: z-plus drops all evidence
# against a class, and a few layers below the logits the same units receive relevance, whatever was asked for. The map
# shows what the network sees, not what makes it this class rather than another. Grad-CAM does tell classes apart.

# %%
several, labels = networks.inputs(scene.images, scene.labels)
with torch.no_grad():
    second = network(several).scatter(1, labels[:, None], -torch.inf).argmax(1)
for name, method in (("deep Taylor", deep_taylor), ("Grad-CAM", grad_cam)):
    pair = [method(network, several, each).sum(1, keepdim=True) for each in (labels, second)]
    print(f"{name:12} rank correlation of the two maps {metrics.rank_correlation(*pair).mean():.3f}")

# %% [markdown]
# ## Biases
#
# The theory asks for biases that are zero or negative. A positive bias raises a unit with no input at all, and takes
# its share of the relevance; what arrives at the pixels is then less than the score:

# %%
biased = networks.load("vgg-scenes", seed=0)
logits = biased(several).gather(1, labels[:, None])[:, 0].detach()
arrived = deep_taylor(biased, several, labels).sum((1, 2, 3)) / logits
print(f"{arrived.mean():.0%} of the logit arrives, between {arrived.min():.0%} and {arrived.max():.0%}")

# %% [markdown]
# **To try:** another scene (`WHICH`); `low` and `high` of `deep_taylor` set to -1 and 2, as if pixels could lie further
# out; or your own photograph:
#
# ```sh
# sightglass run deep-taylor --image photo.jpg --out deep-taylor.png --model vgg16 --weights DEFAULT
# ```
