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
# A network that reads digits well still has to answer when it is shown something that is no digit. Nguyen, Yosinski
# and Clune (*Deep Neural Networks are Easily Fooled*, CVPR 2015) looked for pictures that nobody recognises and that a
# network is all but certain of. This page evolves some, in two ways, climbs a gradient for others, and asks whether a
# network can be taught to see through them.

# %%
import matplotlib.pyplot as plt
import torch

from repro.adversarial.fooling_images import ascend
from repro.engine import cppn
from repro.engine.encodings import evolve
from repro.lab import networks

torch.set_num_threads(1)
SHAPE, SEED = (1, 28, 28), 0
network = networks.load("lenet-digits", seed=SEED)
held_out = networks.data("lenet-digits", 500, seed=SEED)
print(f"LeNet reads {networks.accuracy(network, held_out):.1%} of new digits right")


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
# A child is a copy of its parent in which every pixel changes with probability 0.1. How far is drawn from the
# *polynomial mutation*: small steps often, large ones seldom, both signs alike.
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
# MAP-Elites keeps a champion for each class: the picture with the highest probability of that class so far. A child of
# *any* champion may take *any* place. By hand, for a few generations, one child at a time:

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
# `evolve` does the same with a whole generation at once. The children of a generation are independent of each other,
# and only the best of them for a class can become its champion. Here is every class's confidence, generation by
# generation.

# %%
GENERATIONS = 100
pixels = evolve(network, shape=SHAPE, encoding="direct", generations=GENERATIONS, children=100, seed=SEED)
plt.figure(figsize=(6, 2.2))
plt.plot(pixels.confidences)
plt.xlabel("generation")
plt.ylabel("confidence")
plt.show()
show(pixels.images, pixels.confidences[-1])

# %% [markdown]
# ## Pictures drawn by small networks
#
# Pixels that change one at a time can only make noise. A *compositional pattern producing network* is asked for the
# value at a place (x, y), and its nodes compute sines, sigmoids, Gaussians and straight lines. It draws regular
# patterns, and its mutations change whole patterns. It begins without hidden nodes, and grows.

# %%
patterns = evolve(network, shape=SHAPE, encoding="cppn", generations=30, children=100, seed=SEED)
show(patterns.images, patterns.confidences[-1])

# %% [markdown]
# That took far fewer generations. But before evolution gets the credit: how sure is the network of the best of as many
# patterns that nobody selected? And of as much noise?

# %%
with torch.no_grad():
    drawn = cppn.draw(cppn.start(3100, 1, generator), 28, 28)
    for name, images in (("patterns", drawn), ("noise", torch.rand(3100, *SHAPE, generator=generator))):
        best = network(images).softmax(1).amax(0)
        print(f"{name:9} the best of 3100, class by class: {' '.join(f'{value:.3f}' for value in best)}")

# %% [markdown]
# ## Climbing the gradient
#
# Where gradients are to be had, no population is needed. Each step moves the image along the gradient `g` of the
# class's probability `p`, just so far that `p` should rise by 0.03, or by a tenth of what is missing. With a decay the
# image is drawn back to the mean image at each step (L2 regularisation).

# %%
learned = networks.data("lenet-digits", 1297, seed=SEED, held_out=False)
mean = torch.from_numpy(learned.images).float().mean(0) / 255
for decay in (0.0, 0.02):
    climbed = ascend(network, torch.arange(10), shape=SHAPE, steps=200, decay=decay, mean=mean, seed=SEED)
    show(climbed.images, climbed.confidences[-1])

# %% [markdown]
# **To try:** another `SEED`, which is another network as well; `GENERATIONS = 20`; or a network of your own, with
# `shape=(3, 224, 224)`, in which case hue, saturation and value evolve.
#
# Can the network be taught to see through such pictures? `repro/adversarial/fooling_images.py` gives it an eleventh
# class for them, trains it anew, and evolves again, three times over; the ledger on this method's page says what came
# of it.
