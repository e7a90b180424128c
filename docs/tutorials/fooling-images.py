# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Fooling images, step by step
#
# A network that classifies the digits of MNIST has to answer with a digit, whatever image it is given. Nguyen, Yosinski
# and Clune (*Deep Neural Networks are Easily Fooled*, CVPR 2015) looked for images that nobody recognises and that a
# network classifies almost with certainty. This page evolves such images in two ways, finds others by gradient ascent,
# and compares them with images that nobody selected.

# %%
import matplotlib.pyplot as plt
import torch

from repro.adversarial.fooling_images import ascend
from repro.engine import cppn
from repro.engine.encodings import evolve
from repro.lab import networks

torch.set_num_threads(1)
SHAPE, SEED = (1, 28, 28), 0
network = networks.load("lenet-mnist", seed=SEED)
held_out = networks.data("lenet-mnist", 500, seed=SEED)
print(f"LeNet classifies {networks.accuracy(network, held_out):.1%} of new digits correctly")


def show(images, confidences, names="0123456789"):
    _, axes = plt.subplots(1, len(images), figsize=(9.2, 1.3), layout="constrained")
    for axis, image, confidence, name in zip(axes, images, confidences, names, strict=True):
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(f"{name}: {confidence:.4f}", fontsize=8)
        axis.axis("off")
    plt.show()


# %% [markdown]
# ## Pixels that evolve
#
# A child is a copy of its parent in which each pixel changes with probability 0.1. The size of the change follows the
# *polynomial mutation*: small steps are common, large ones rare, and both signs are equally likely.
#
# ```text
# δ = (2u)^(1/(η+1)) − 1           for u < 1/2          η = 15, u uniform in [0, 1)
#     1 − (2(1−u))^(1/(η+1))       otherwise
# ```

# %%
generator = torch.Generator().manual_seed(SEED)
u = torch.rand(100_000, generator=torch.Generator().manual_seed(SEED))
delta = torch.where(u < 0.5, (2 * u) ** (1 / 16) - 1, 1 - (2 * (1 - u)) ** (1 / 16))
torch.testing.assert_close(delta, cppn.polynomial_steps(u, torch.Generator().manual_seed(SEED)), atol=1e-5, rtol=0)

plt.figure(figsize=(4, 1.8))
plt.hist(delta.numpy(), bins=81)
plt.xlabel("δ")
plt.yticks([])
plt.show()

# %% [markdown]
# ## One evolution for all classes
#
# MAP-Elites keeps a champion for each class: the image with the highest probability of that class so far. A child of
# *any* champion can become the champion of *any* class. Here it is by hand, one child at a time:

# %%
champions, scores = torch.rand(10, *SHAPE, generator=generator), torch.zeros(10)
with torch.no_grad():
    for _ in range(300):
        parent = champions[torch.randint(10, (1,), generator=generator)]
        steps = cppn.polynomial_steps(parent, generator)
        changes = torch.rand(parent.shape, generator=generator) < 0.1
        child = torch.where(changes, (parent + steps).clamp(0, 1), parent)
        probabilities = network(child).softmax(1)[0]
        for k in range(10):
            if probabilities[k] > scores[k]:
                champions[k], scores[k] = child[0], probabilities[k]
show(champions, scores)

# %% [markdown]
# `evolve` does the same with a whole generation at once. The children of a generation do not depend on each other, and
# only the best of them for a class can become its champion. The plot shows each class's confidence after each
# generation.

# %%
GENERATIONS = 200
pixels = evolve(network, shape=SHAPE, encoding="direct", generations=GENERATIONS, children=100, seed=SEED)
plt.figure(figsize=(6, 2.2))
plt.plot(pixels.confidences)
plt.xlabel("generation")
plt.ylabel("confidence")
plt.show()
show(pixels.images, pixels.confidences[-1])

# %% [markdown]
# ## Images drawn by small networks
#
# Pixels that change independently make noise. A *compositional pattern producing network* (CPPN) computes the value at
# the coordinates (x, y); its nodes apply sines, sigmoids, Gaussians and linear functions. It draws regular patterns,
# and a mutation changes the whole pattern. It starts without hidden nodes, and grows.

# %%
patterns = evolve(network, shape=SHAPE, encoding="cppn", generations=30, children=100, seed=SEED)
show(patterns.images, patterns.confidences[-1])

# %% [markdown]
# That took far fewer generations. Is evolution the reason? As a control, take as many random patterns and random noise
# images, without any selection: how confident is the network in the best of them?

# %%
with torch.no_grad():
    drawn = cppn.draw(cppn.start(3100, 1, generator), 28, 28)
    for name, images in (("patterns", drawn), ("noise", torch.rand(3100, *SHAPE, generator=generator))):
        best = network(images).softmax(1).amax(0)
        print(f"{name:9} best of 3100 for each class: {' '.join(f'{value:.3f}' for value in best)}")

# %% [markdown]
# ## Climbing the gradient
#
# With gradients no population is needed. Each step moves the image along the gradient `g` of the class's probability
# `p`, far enough to raise `p` by 0.03 to first order, or by a tenth of `1 - p` if that is less. With a decay, each step
# also pulls the image back towards the mean image (L2 regularisation).

# %%
learned = networks.data("lenet-mnist", 4000, seed=SEED, held_out=False)
mean = torch.from_numpy(learned.images).float().mean(0) / 255
for decay in (0.0, 0.02):
    climbed = ascend(network, torch.arange(10), shape=SHAPE, steps=200, decay=decay, mean=mean, seed=SEED)
    show(climbed.images, climbed.confidences[-1])

# %% [markdown]
# **To try:** another `SEED`, which also loads another network; `GENERATIONS = 800`, after which every class is above
# 99%; or your own network with `shape=(3, 224, 224)`, for which hue, saturation and value evolve.
#
# Can a network learn to recognise such images? `repro/experiments/adversarial/immunisation.py` adds an eleventh class
# for them, retrains the network and evolves new images, three times over; this method's page shows the result.
