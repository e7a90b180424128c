# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # t-SNE, read with care
#
# t-SNE (van der Maaten and Hinton, 2008) puts vectors of many numbers, such as a network's codes of images, as points
# in the plane, so that neighbours stay neighbours. The pictures are easy to make and easy to read wrongly. This page
# makes one, and then shows what may be read from it and what may not.

# %%
import warnings

import matplotlib.pyplot as plt
import torch

from repro.embedding.t_sne import t_sne
from repro.engine import neighbours
from repro.lab import digits, figures, networks

torch.set_num_threads(1)
warnings.simplefilter("ignore")  # a library asks for a progress bar that is not needed
COUNT, STEPS = 250, 400
some = digits.load(COUNT, seed=0)
images, labels = networks.inputs(some.images, some.labels)
pixels = images.flatten(1).double()


def show(pictures, classes):
    charts = [figures.scatter(title, positions, classes) for title, positions in pictures.items()]
    _, axes = plt.subplots(1, len(charts), figsize=(2.6 * len(charts), 2.9), layout="constrained")
    for axis, chart in zip(axes, charts, strict=True):
        chart.draw(axis)
        axis.set_title(chart.title, fontsize=9)
    plt.show()


# %% [markdown]
# ## What it keeps: neighbours
#
# 250 digits by their pixels, coloured by class; on the left the first two principal components, the best linear view.
# Below each: of how many digits the five nearest points name the class.

# %%
flat = {"two principal components": neighbours.principal(pixels, 2)}
flat["t-SNE"] = t_sne(pixels, steps=STEPS).positions
show(flat, labels)
for name, positions in flat.items():
    print(f"{name:26} {float((neighbours.vote(positions, labels) == labels).double().mean()):.2f}")

# %% [markdown]
# ## What you choose: the perplexity
#
# It is about how many neighbours each point has. Too small, and chance forms clumps; too large, and all points are
# neighbours. Look at several before you say what there is.

# %%
show({f"perplexity {p}": t_sne(pixels, perplexity=p, steps=STEPS).positions for p in (2, 10, 30, 80)}, labels)

# %% [markdown]
# ## Clumps in noise
#
# Numbers without any structure, at two perplexities. The first picture seems to hold strings and clumps; there are
# none.

# %%
noise = torch.randn(COUNT, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
one = torch.zeros(COUNT, dtype=torch.long)
show({f"noise, perplexity {p}": t_sne(noise, perplexity=p, steps=STEPS).positions for p in (2, 30)}, one)

# %% [markdown]
# ## Sizes mean nothing
#
# Two round clusters in ten dimensions, the one ten times as wide as the other. t-SNE gives each point about as many
# neighbours, and so each cluster about as much room.


# %%
def width(rows):
    return float((rows - rows.mean(0)).norm(dim=1).mean())


which = torch.arange(COUNT) % 2
rows = torch.randn(COUNT, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
rows[which == 1] *= 10
rows[:, 0] += 100.0 * which
placed = t_sne(rows, steps=STEPS).positions
show({"two principal components": neighbours.principal(rows, 2), "t-SNE": placed}, which)
for name, values in (("in ten dimensions", rows), ("in the plane", placed)):
    print(f"{name:18} {width(values[which == 1]) / width(values[which == 0]):.1f} times as wide")

# %% [markdown]
# ## Distances between clusters mean little
#
# Three clusters in a row, the third ten times as far from the second as the first is.

# %%
third = torch.arange(COUNT) % 3
rows = torch.randn(COUNT, 10, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
rows[:, 0] += torch.tensor([0.0, 10.0, 110.0], dtype=torch.float64)[third]
placed = t_sne(rows, steps=STEPS).positions
show({"two principal components": neighbours.principal(rows, 2), "t-SNE": placed}, third)
for name, values in (("in ten dimensions", rows), ("in the plane", placed)):
    middles = [values[third == number].mean(0) for number in range(3)]
    ratio = float((middles[2] - middles[1]).norm() / (middles[1] - middles[0]).norm())
    print(f"{name:18} {ratio:.1f} times as far")

# %% [markdown]
# So read which points lie together, in several pictures of several perplexities and starts. Do not read how large a
# clump is, how far it is from another one, or where up and down are.
#
# **To try:** the codes of a network instead of pixels (`repro.engine.representations.representation`), or another start
# (`seed=1`): what changes between two starts is not in the data.
