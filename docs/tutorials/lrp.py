# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Layer-wise relevance propagation, step by step
#
# A network says "star" with a score of, say, 9. Which pixels made it 9? Layer-wise relevance propagation (Bach et al.,
# *On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation*, PLOS ONE 2015)
# passes the score back, layer by layer, like a sum of money: each unit divides what it receives among its inputs, in
# proportion to what they contributed. What the pixels receive adds up to the score. This page computes it by hand for
# one layer, then for whole networks, and looks at what else absorbs relevance.

# %%
import matplotlib.pyplot as plt
import torch

from repro.attribution.lrp import epsilon_alpha2_beta1, epsilon_plus, everywhere, lrp, lrp_at
from repro.engine import relevance_rules as rules
from repro.lab import controls, flipping, metrics, networks, scenes

torch.set_num_threads(1)

# %% [markdown]
# ## One layer by hand
#
# Three inputs, two units. `z_ij = x_i w_ij` is what input *i* contributes to unit *j*, and `z_j` is their sum. Equation
# (56) shares the relevance `R_j` in proportion:
#
# ```text
# R_i = Σ_j  z_ij / z_j  R_j                                        (56)
# ```

# %%
x = torch.tensor([1.0, 2.0, 0.5])
w = torch.tensor([[1.0, -2.0], [0.5, 1.5], [-1.0, 1.0]])  # (inputs, units)
R = torch.tensor([4.0, 1.0])  # what the two units have received

z = x[:, None] * w
print("contributions:", z.tolist())
zero = (z / z.sum(0) * R).sum(1)
print("LRP-0:  ", zero.tolist(), "sum", zero.sum().item())

# %% [markdown]
# The sum is still 5. But contributions of opposite sign cancel in `z_j`, and dividing by a small `z_j` gives large
# positive and negative relevance. The rules deal with this in different ways. Epsilon (58) makes the denominator
# larger, which absorbs weak or contradictory evidence. alpha-beta (60) normalises the positive and the negative
# contributions separately. z-plus uses the positive ones only.
# In the library, `repro/engine/relevance_rules.py` has them, each with the number of its equation.

# %%
epsilon = (z / (z.sum(0) + 0.25 * z.sum(0).sign()) * R).sum(1)
up, down = z.clamp(min=0), z.clamp(max=0)
plus = (up / up.sum(0) * R).sum(1)
alpha_beta = (2 * up / up.sum(0) * R - down / down.sum(0) * R).sum(1)
for name, shares in (("epsilon", epsilon), ("z-plus", plus), ("alpha-beta", alpha_beta)):
    print(f"{name:12}{[round(share, 2) for share in shares.tolist()]}  sum {shares.sum():.2f}")

# %% [markdown]
# ## A network: the sum stays the same in every layer
#
# In a network without biases nothing else absorbs relevance. ReLUs pass it on unchanged, max pooling gives all of it to
# the largest input. `lrp_at` returns the relevance of the layers' outputs:

# %%
network = networks.load("bias-free-scenes", seed=0)
scene = scenes.one_object(40, seed=0)
WHICH = 4
images, classes = networks.inputs(scene.images[WHICH : WHICH + 1], scene.labels[WHICH : WHICH + 1])
print(f"logit of {scenes.CLASSES[classes[0]]}: {network(images)[0, classes[0]]:.4f}")

layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
for title, composite in (("LRP-0", everywhere(rules.Zero())), ("z-plus", everywhere(rules.ZPlus()))):
    sums = [R.sum().item() for R in lrp_at(network, images, classes, layers, composite)]
    sums.insert(0, lrp(network, images, classes, composite).sum().item())
    print(f"{title:8}", " ".join(f"{each:.4f}" for each in sums))

# %% [markdown]
# LRP-0 is well known under another name: without biases it equals gradient times input. (The network first shifts and
# scales the image; "input" means the result of that.)

# %%
pixels = images.clone().requires_grad_()
(gradient,) = torch.autograd.grad(network(pixels)[0, classes[0]], pixels)
product = gradient * (images - 0.5)
torch.testing.assert_close(lrp(network, images, classes, everywhere(rules.Zero())), product, rtol=1e-3, atol=1e-5)

# %% [markdown]
# ## A network with biases: where does the rest go?
#
# A bias contributes to `z_j` as well, and its share of the relevance is lost. This is how much of the logit reaches the
# pixels, for ten scenes, on a network that was trained with BatchNorm, which leaves large biases:

# %%
biased = networks.load("zf-scenes", seed=0)
several, labels = networks.inputs(scene.images[:10], scene.labels[:10])
logits = biased(several).gather(1, labels[:, None])[:, 0].detach()
for title, composite in (("LRP-epsilon", everywhere(rules.Epsilon())), ("epsilon-plus", epsilon_plus)):
    arrived = lrp(biased, several, labels, composite).sum((1, 2, 3)) / logits
    print(f"{title:14}", " ".join(f"{share:5.2f}" for share in arrived))

# %% [markdown]
# ## Composites: a rule for each kind of layer
#
# A composite is a function from a layer to a rule. Change this one: `layer.kind` is "convolution" or "linear",
# `layer.position` is its place among the `layer.count` layers, and `layer.first` is true if it sees the image. You can
# write your own rule, too: a function of a layer and the relevance of its outputs, which returns that of its inputs.


# %%
def mine(layer):
    if layer.first:
        return rules.ZBox(-2, 2)  # (images - 0.5) / 0.25 lies between these
    return rules.Gamma(0.25) if layer.kind == "convolution" else rules.Epsilon(0.1)


network = networks.load("vgg-scenes", seed=0)
composites = {
    "LRP-epsilon": everywhere(rules.Epsilon()),
    "epsilon-plus": epsilon_plus,
    "α 2, β 1": epsilon_alpha2_beta1,
    "mine": mine,
}
figure, axes = plt.subplots(1, 6, figsize=(11, 2.1), layout="constrained")
axes[0].imshow(images[0].permute(1, 2, 0))
maps = {title: lrp(network, images, classes, composite).sum(1)[0] for title, composite in composites.items()}
maps["gradient"] = controls.saliency(network, images, classes)[0, 0]
for axis, (title, heatmap) in zip(axes[1:], maps.items(), strict=True):
    limit = heatmap.abs().max()
    axis.imshow(heatmap, cmap="coolwarm", vmin=-limit, vmax=limit)
    axis.set_title(title, fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Does it show what the network depends on?
#
# Pixel flipping (Samek et al. 2017) covers the image region by region, highest in the map first, and measures how fast
# the probability falls. What the regions are covered *with* matters as much as the map: a blurred image is still an
# image, but the network has never seen noise.

# %%
maps = {
    "LRP": lrp(network, several, labels, epsilon_alpha2_beta1).sum(1, keepdim=True),
    "gradient": controls.saliency(network, several, labels),
    "random": torch.rand(10, 1, 64, 64, generator=torch.Generator().manual_seed(0)),
}
noise = torch.rand(several.shape, generator=torch.Generator().manual_seed(1))
figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.4), layout="constrained", sharey=True)
for axis, title, fill in zip(axes, ("blurred", "noise"), (flipping.blurred, noise), strict=True):
    for name, heatmaps in maps.items():
        axis.plot(metrics.pixel_flipping(network, several, labels, heatmaps, fill).mean(0), label=name)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("regions covered")
axes[0].set_ylabel("probability of the class")
axes[0].legend(fontsize=8)
plt.show()

# %% [markdown]
# **To try:** another scene (`WHICH`), your own composite (`mine`), or your own image on a ResNet, where relevance goes
# through the shortcuts as well:
#
# ```sh
# sightglass run lrp --image photo.jpg --out lrp.png --model resnet50 --weights DEFAULT
# ```
