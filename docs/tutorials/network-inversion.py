# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Network inversion, step by step
#
# What does a layer keep of an image? Mahendran and Vedaldi (*Understanding Deep Image Representations by Inverting
# Them*, CVPR 2015) look for another image with the same representation. Where the two images differ, the layer does not
# keep the difference. This page builds the search by hand and then inverts one layer after another.

# %%
import matplotlib.pyplot as plt
import torch

from repro.engine import watching
from repro.engine.hog import Hog
from repro.inversion.network_inversion import network_inversion, total_variation
from repro.lab import networks, scenes

torch.set_num_threads(1)
network = networks.load("zf-scenes", seed=0).requires_grad_(False)
WHICH = 0
one = scenes.one_object(200, seed=0)
images = torch.from_numpy(one.images[WHICH : WHICH + 1]) / 255


def show(pictures: dict[str, torch.Tensor]) -> None:
    _, axes = plt.subplots(1, len(pictures), figsize=(1.6 * len(pictures), 1.9), layout="constrained")
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        picture = picture[0].clamp(0, 1).expand(3, -1, -1)
        axis.imshow(picture.permute(1, 2, 0))
        axis.set_title(title, fontsize=8)
        axis.axis("off")
    plt.show()


# %% [markdown]
# ## The objective
#
# ```text
# x* = argmin ‖Φ(σx) − Φ₀‖² / ‖Φ₀‖² + λ_α R_α(x) + λ_V R_V(x)
# ```
#
# `Φ` is the layer, `Φ₀` what it returns for the image. `σ` is the norm of an average image, so that `x` has a norm of
# about one. Mid-grey is subtracted from images. Here is the first convolution, after its ReLU:

# %%
layer = network.features[1]
with watching.activations(network, layer) as outputs:
    network(images)
target = outputs[0].detach()

N = images[0].numel()
sigma = 0.27 * N**0.5


def misfit(x: torch.Tensor) -> torch.Tensor:
    found = network.features[:2]((sigma * x + 0.5 - 0.5) / 0.25)  # what the network does up to its first ReLU
    return (found - target).square().sum() / target.square().sum()


print("the image itself:", float(misfit((images - 0.5) / sigma)))
print("a grey image:    ", float(misfit(torch.zeros_like(images))))

# %% [markdown]
# ## The priors
#
# Many images have this representation. `R_α(x) = ‖x‖_α^α` with α = 6 keeps values within an image's usual range. The
# total variation keeps neighbouring pixels similar:
#
# ```text
# R_V(x) = Σ_ij ((x_i,j+1 − x_ij)² + (x_i+1,j − x_ij)²)^(β/2)
# ```
#
# It includes both directions. A widely used implementation leaves one out and finds no variation in vertical stripes;
# a test of this library shows it.

# %%
stripes = (torch.arange(64) // 4 % 2).float().expand(1, 3, 64, 64)
print("vertical stripes:", float(total_variation(stripes)), "horizontal stripes:", float(total_variation(stripes.mT)))
noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
print("the scene:", float(total_variation(images)), "noise:", float(total_variation(noise)))

# %% [markdown]
# ## The descent
#
# ```text
# μ ← 0.9 μ − η ∇E(x),   x ← x + μ
# ```
#
# It starts from noise. The rate η is 0.004, then a tenth of that. No gradient step is longer than a fiftieth of the
# noise's norm: far from any image, the gradient can be large.

# %%
x = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
x, mu, course = x / x.norm(), torch.zeros_like(x), []
for eta in (0.004,) * 100 + (0.0004,) * 50:
    x.requires_grad_()
    E = misfit(x) + 0.009 * N**2 * x.abs().pow(6).sum() + 0.5 * total_variation(x).sum()
    (gradient,) = torch.autograd.grad(E, x)
    mu = 0.9 * mu - eta * gradient * min(1.0, 0.02 / float(eta * gradient.norm()))
    x = (x + mu).detach()
    course.append(float(E.detach()))
by_hand = sigma * x + 0.5

plt.figure(figsize=(5, 2))
plt.semilogy(course)
plt.xlabel("step")
plt.ylabel("objective")
plt.show()

rates = (0.004,) * 100 + (0.0004,) * 50
show({"image": images, "by hand": by_hand, "network_inversion": network_inversion(network, images, layer, rates=rates)})

# %% [markdown]
# ## What the priors do
#
# Without them the pre-image is full of noise that the layer cannot see. Priors that are too strong remove the edges.

# %%
priors = {
    "none": {"lambda_alpha": 0.0, "lambda_tv": 0.0},
    "range only": {"lambda_tv": 0.0},
    "λ = 0.05": {"lambda_tv": 0.05},
    "λ = 0.5": {},
    "λ = 5": {"lambda_tv": 5.0},
}
show({name: network_inversion(network, images, layer, rates=rates, **each) for name, each in priors.items()})

# %% [markdown]
# ## Up through the network
#
# Colour is lost first: in these scenes it carries no information about the class. Then texture loses contrast. The
# object's position survives the last convolution and is lost in the ten logits. The network gives all pre-images the
# image's class:

# %%
layers = {"conv1": "features.1", "pool2": "features.5", "conv5": "features.11", "fc6": "classifier.1"}
layers["logits"] = "classifier.4"
found = {
    name: network_inversion(network, images, network.get_submodule(layer), rates=rates)
    for name, layer in layers.items()
}
show({"image": images} | found)
for name, picture in ({"image": images} | found).items():
    likely = network(picture).softmax(1)[0]
    print(f"{name:8}{scenes.CLASSES[int(likely.argmax())]:18}{float(likely.max()):.2f}")

# %% [markdown]
# The noise in the pre-images of deep layers is not a failure of the search: these layers ignore it.
#
# ## HOG is a network too
#
# Histograms of oriented gradients (HOG) are convolutions, a choice of direction, pooling and normalisation. Written as
# a network they have a gradient, so the same function inverts them. The pre-images keep the edges, but neither
# brightness nor contrast.

# %%
grey = images.mean(1, keepdim=True)
hogs = {"one direction": Hog(), "shared between two": Hog(bilinear=True)}
show({"image": grey} | {name: network_inversion(hog, grey, hog, rates=rates) for name, hog in hogs.items()})

# %% [markdown]
# **To try:** another scene (`WHICH`), another start (`seed=1`: the layer keeps what the two pre-images have in common),
# or `beta=1` at `features.2`, which leaves spikes, as in the paper's Fig. 2.
