# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Feature visualisation, from 2009 to 2017
#
# What does a network look for when it says "daisy"? The methods on this page answer with a picture that raises the
# score of the class. They share one loop: compute the score, follow its gradient, repeat. They differ in what keeps the
# picture from turning into noise. This page draws the same class of the same network with each of them.

# %%
import warnings

import matplotlib.pyplot as plt
import torch

from repro.lab import made_images, photo_panels
from repro.visualisation.activation_maximisation import activation_maximisation
from repro.visualisation.class_model_visualisation import class_model_visualisation
from repro.visualisation.deepvis_regularisers import deepvis_regularisers
from repro.visualisation.feature_visualisation_distill import feature_visualisation_distill
from repro.visualisation.sobolev_regularisation import sobolev_regularisation

torch.set_num_threads(1)
warnings.simplefilter("ignore")  # a library asks for a progress bar that is not needed
network = photo_panels.network()  # EfficientNet-Lite0, trained on ImageNet
CLASS, SHAPE, STEPS = photo_panels.DAISY, (3, 128, 128), 48
found = {}


def show(pictures):
    _, axes = plt.subplots(1, len(pictures), figsize=(2.35 * len(pictures), 2.7), layout="constrained")
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture[0].permute(1, 2, 0))
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    plt.show()


# %% [markdown]
# ## 2009 and 2013: a bound on the size
#
# Without a bound the best picture is as bright as can be. Erhan et al. (2009) keep its norm fixed. Simonyan et al.
# (2013) subtract a penalty that grows with the square of the distance from the mean image. Neither says anything about
# which pixels are bright: a large gradient at a single pixel is as good as an edge.

# %%
found["2009: fixed norm"] = activation_maximisation(network, network, [CLASS], shape=SHAPE, steps=STEPS)
found["2013: L2 penalty"] = class_model_visualisation(network, [CLASS], shape=SHAPE, weight=3e3, steps=STEPS)
show(found)

# %% [markdown]
# ## 2015: regularise after every step
#
# Yosinski et al. (2015) leave the score alone and mend the picture after every step: blur it a little, or set faint
# pixels to zero. What a blur takes away the next step may put back, but a pattern that survives it is a broad one.

# %%
now = {
    f"2015: {style}": deepvis_regularisers(network, [CLASS], shape=SHAPE, style=style, steps=STEPS)
    for style in ("norm", "blur")
}
show(now)
found |= now

# %% [markdown]
# ## 2018, out of order: smooth the direction
#
# Baust et al. (2018) change the step instead of the picture: the gradient's high frequencies are damped before it is
# followed. The penalty of 2013 says what to reach; this says how to get there.

# %%
found["2018: Sobolev"] = sobolev_regularisation(network, [CLASS], shape=SHAPE, strength=16.0, steps=STEPS)

# %% [markdown]
# ## 2017: other coordinates, and a moving picture
#
# The article in Distill does two things. It writes the picture as waves, weighted as they are in natural images, so
# that a step in these coordinates changes long waves more than short ones. And it moves, turns and scales the picture a
# little before each step: a pattern of single pixels does not survive that.

# %%
ways = {
    "pixels": {"parameterisation": "pixels", "transforms": False},
    "pixels, moved": {"parameterisation": "pixels"},
    "waves": {"transforms": False},
    "waves, moved": {},
}
made = {
    name: feature_visualisation_distill(network, network, [CLASS], shape=SHAPE, steps=STEPS, **way)
    for name, way in ways.items()
}
show(made)
found["2017: waves, moved"] = made["waves, moved"]

# %% [markdown]
# Either change helps; together they give petals around a centre, in the colours of flowers. Nothing in the method knows
# of flowers: all that it knows of photographs is how strong waves of each length are, and how colours go together.
#
# ## Side by side
#
# All of them convince the network, so its probability says nothing about how good a picture is. The share of high
# frequencies says more: compare it with that of a photograph of a flower, in the last line.

# %%
show(found)
with torch.no_grad():
    for name, picture in (found | {"a photograph": photo_panels.view("flower")}).items():
        sure = float(network(picture).softmax(1)[0, CLASS])
        print(f"{name:20} daisy {sure:.2f}   high frequencies {made_images.high_frequency_share(picture):.2f}")

# %% [markdown]
# A picture of a class is what the network would like to see, not what it looks at in a photograph. It shows one way to
# raise the score; there may be others, which other starts or a diversity term bring out.
#
# **To try:** another class (`photo_panels.ESPRESSO`), a channel in place of the class (give
# `network.get_submodule("blocks.4")` as the layer and a number below 112), or four times as many steps.
