# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # The deconvnet, step by step
#
# A unit in the middle of a network responds strongly to an image. To what in it? Zeiler and Fergus (*Visualizing and
# Understanding Convolutional Networks*, ECCV 2014) send its activation back to the pixels, through the same layers in
# reverse. This page does it by hand for one unit, compares it with the gradient, and looks at the nine images that
# excite a unit most.

# %%
import matplotlib.pyplot as plt
import torch
from torch.nn import functional

from repro.lab import networks, scenes
from repro.visualisation.deconvnet import deconvnet, strongest

torch.set_num_threads(1)
network = networks.load("zf-scenes", seed=0)
print(network.features)

# %% [markdown]
# ## Forward: remember where the maxima were
#
# The second layer of this network ends in `features.5`. In the forward pass, max pooling records the place of the
# maximum in each region: the *switches* (Sec. 2.1).

# %%
UNIT = 2
one = scenes.one_object(200, seed=0)
images = torch.from_numpy(one.images) / 255
image = images[:1]
first, _, pool, second = (network.features[i] for i in range(4))
with torch.no_grad():
    maps_1 = first((image - 0.5) / 0.25).relu()
    pooled_1, switches_1 = functional.max_pool2d(maps_1, 2, return_indices=True)
    maps_2 = second(pooled_1).relu()
    pooled_2, switches_2 = functional.max_pool2d(maps_2, 2, return_indices=True)
print(tuple(maps_1.shape), tuple(pooled_1.shape), tuple(maps_2.shape), tuple(pooled_2.shape))

# %% [markdown]
# ## Back: unpool, rectify, filter
#
# All activations of the layer but one are set to zero (a). Then, layer by layer: put each value back at the place of
# its region's maximum (b); keep what is positive (c); and let each value paint its filter into the layer below, which
# is what the transposed convolution does (d). The letters are those of the method's page.

# %%
strongest_place = pooled_2[0, UNIT].argmax()
signal = torch.zeros_like(pooled_2)
signal[0, UNIT].view(-1)[strongest_place] = pooled_2[0, UNIT].max()

with torch.no_grad():
    signal = functional.max_unpool2d(signal, switches_2, 2, output_size=maps_2.shape[2:])
    signal = functional.conv_transpose2d(signal.relu(), second.weight, padding=2)
    signal = functional.max_unpool2d(signal, switches_1, 2, output_size=maps_1.shape[2:])
    signal = functional.conv_transpose2d(signal.relu(), first.weight, stride=2, padding=3, output_padding=1) / 0.25

found = deconvnet(network, image, network.features[5], [UNIT])
torch.testing.assert_close(found, signal, rtol=1e-4, atol=1e-4 * float(signal.abs().max()))


# %%
def shown(picture: torch.Tensor) -> torch.Tensor:
    """Grey is zero; the largest hundredth of the values is clipped."""
    limit = picture.abs().flatten().quantile(0.99).clamp_min(1e-12)
    return (0.5 + 0.5 * (picture / limit).clamp(-1, 1)).permute(1, 2, 0)


figure, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
axes[0].imshow(image[0].permute(1, 2, 0))
axes[1].imshow(shown(found[0]))
axes[1].set_title(f"layer 2, unit {UNIT}", fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## The gradient differs in one step
#
# The gradient of max pooling *is* unpooling by switches, and the gradient of a convolution *is* the transposed
# convolution. The one difference is at the ReLU. The gradient passes where the ReLU was on; the deconvnet passes what
# is positive, wherever that is. Here are both from the same unit:

# %%
pixels = image.clone().requires_grad_()
(network.features[:6]((pixels - 0.5) / 0.25)[0, UNIT].max()).backward()
figure, axes = plt.subplots(1, 2, figsize=(5.2, 2.7), layout="constrained")
for axis, (title, picture) in zip(axes, (("deconvnet", found[0]), ("gradient", pixels.grad[0])), strict=True):
    axis.imshow(shown(picture))
    axis.set_title(title, fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## What excites a unit most
#
# The paper's Fig. 2 shows the nine strongest activations of a unit: reconstructions, and beside them the patches that
# the unit sees. How far it sees follows from the kernels and strides below it; `strongest` computes it.

# %%
LAYER, UNITS = "features.9", (3, 10, 24)
top, reconstructions = strongest(network, images, network.get_submodule(LAYER), UNITS)
for k, unit in enumerate(UNITS):
    figure, axes = plt.subplots(2, 9, figsize=(9.2, 2.3), layout="constrained")
    for n in range(9):
        left, top_edge, right, bottom = top.boxes[k, n].tolist()
        patch = images[top.rows[k, n], :, top_edge:bottom, left:right]
        axes[0, n].imshow(shown(reconstructions[k, n][:, top_edge:bottom, left:right]))
        axes[1, n].imshow(patch.permute(1, 2, 0))
        axes[0, n].axis("off")
        axes[1, n].axis("off")
    names = [scenes.CLASSES[c] for c in one.labels[top.rows[k].numpy()]]
    figure.suptitle(f"{LAYER}, unit {unit}: {', '.join(sorted(set(names)))}", fontsize=9)
    plt.show()

# %% [markdown]
# The reconstructions are not samples from a model: each is made from one image, with the switches of that image. That
# is why they look like it.
#
# **To try:** another layer (`features.2`, `features.12`, `classifier.3`) or other units; and a network in which the
# pooling regions overlap, such as AlexNet. There `functional.max_unpool2d` keeps only one of the values that two
# regions send to one place; `deconvnet` adds them.
