# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Occlusion sensitivity, step by step
#
# Does a network look at the object, or only at what surrounds it? Zeiler and Fergus (*Visualizing and Understanding
# Convolutional Networks*, ECCV 2014, Sec. 4.2) find out in the simplest way: hide a part of the image with a grey
# square, and see how the probability of the class changes.

# %%
import matplotlib.pyplot as plt
import torch

from repro.attribution.occlusion import map_occlusion, occlusion, on_pixels
from repro.lab import figures, networks, scenes

torch.set_num_threads(1)
network = networks.load("zf-scenes", seed=0)
scene = scenes.load(400, seed=0, two_classes=True)
WHICH = 5
image = torch.from_numpy(scene.images[WHICH : WHICH + 1]) / 255
classes = scene.instance_classes[WHICH, :2].tolist()
names = [scenes.CLASSES[c] for c in classes]

# %% [markdown]
# ## One square
#
# It is sixteen pixels wide, and its grey is the middle of the range of pixel values.

# %%
PATCH, STRIDE, GREY = 16, 8, 0.5
covered = image.clone()
covered[:, :, 0:PATCH, 0:PATCH] = GREY
with torch.no_grad():
    before, after = (network(each).softmax(1)[0, classes[0]].item() for each in (image, covered))
print(f"{names[0]}: {before:.3f} before, {after:.3f} with the upper left corner hidden")

# %% [markdown]
# ## Everywhere
#
# The square slides over the image in steps of eight pixels. The map says for each of its positions how far the class
# falls: red where hiding costs the class, blue where the class gains. If a network is very confident, the probability
# can stay at 1 under almost every square; the logit still moves.

# %%
with torch.no_grad():
    falls = torch.zeros(7, 7)
    for row in range(7):
        for column in range(7):
            covered = image.clone()
            covered[:, :, row * STRIDE : row * STRIDE + PATCH, column * STRIDE : column * STRIDE + PATCH] = GREY
            falls[row, column] = network(image)[0, classes[0]] - network(covered)[0, classes[0]]

found = occlusion(network, image, torch.tensor(classes[:1]), patch=PATCH, stride=STRIDE, fill=GREY, of="logit")
torch.testing.assert_close(found[0, 0], falls, rtol=1e-4, atol=1e-4)

# %% [markdown]
# To lay the 7 by 7 values over the image, each pixel gets the mean of all squares that cover it. Resizing the grid
# to the image would put the values beside the middles of their squares.

# %%
figure, axes = plt.subplots(1, 4, figsize=(9.4, 2.7), layout="constrained")
axes[0].imshow(image[0].permute(1, 2, 0))
axes[0].set_title(" and ".join(names), fontsize=9)
for axis, c, name in zip(axes[1:], classes, names, strict=False):
    fall = occlusion(network, image, torch.tensor([c]), patch=PATCH, stride=4, fill=GREY, of="logit")
    axis.imshow(figures.overlay(image[0], on_pixels(fall, (64, 64), patch=PATCH, stride=4)[0]))
    axis.set_title(f"logit: {name}", fontsize=9)
fall, strongest = map_occlusion(network, image, network.features[12], patch=PATCH, stride=4, fill=GREY)
axes[3].imshow(figures.overlay(image[0], on_pixels(fall, (64, 64), patch=PATCH, stride=4)[0]))
axes[3].set_title(f"sum of feature map {int(strongest[0])}", fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# The last picture is Fig. 7 (b): not the class, but the strongest feature map of the top convolution.
#
# ## What the square itself does
#
# A grey square is not neutral: it has edges and a colour, to which the network responds. Here is the same image with
# other fills.

# %%
figure, axes = plt.subplots(1, 4, figsize=(9.4, 2.7), layout="constrained")
mean = image.mean((0, 2, 3))[:, None, None]
for axis, (title, fill) in zip(
    axes, (("black", 0.0), ("grey", 0.5), ("white", 1.0), ("the image's mean", mean)), strict=True
):
    fall = occlusion(network, image, torch.tensor(classes[:1]), patch=PATCH, stride=4, fill=fill, of="logit")
    axis.imshow(figures.overlay(image[0], on_pixels(fall, (64, 64), patch=PATCH, stride=4)[0]))
    axis.set_title(f"{names[0]}, {title}", fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# **To try:** a smaller square (`PATCH = 8`), another scene (`WHICH`), or an image of your own:
#
# ```sh
# sightglass run occlusion --image photo.jpg --out occlusion.png --model resnet18 --weights DEFAULT
# ```
#
# There 729 squares are tried one after the other, which takes a minute or more without a graphics card.
