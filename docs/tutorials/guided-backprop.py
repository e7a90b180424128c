# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Guided backpropagation, rule by rule
#
# A gradient with respect to the pixels is noisy. Guided backpropagation (Springenberg et al., *Striving for Simplicity:
# The All Convolutional Net*, ICLR 2015 workshop) changes one thing on the way back, at the ReLUs, and the noise is
# gone. This page goes back by hand, without automatic differentiation, through a whole network, and then asks what the
# clean picture explains.

# %%
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional

from repro.attribution.guided_backprop import guided_backprop
from repro.lab import controls, metrics, networks, scenes

torch.set_num_threads(1)
network = networks.load("fc-scenes", seed=0)
held_out = scenes.load(400, seed=0, two_classes=True)
WHICH = 5
images = torch.from_numpy(held_out.images[WHICH : WHICH + 1]) / 255
classes = held_out.instance_classes[WHICH, :2].tolist()
names = [scenes.CLASSES[c] for c in classes]

# %% [markdown]
# ## Three rules for a ReLU
#
# In the paper's symbols (Fig. 1c) `f` is what a ReLU was given on the way forward, and `R` is sent back to it from
# above. There are two things to ask: was the ReLU on, and is what comes back positive?
#
# ```text
# backpropagation          (f > 0) R
# deconvnet                (R > 0) R
# guided backpropagation   (f > 0) (R > 0) R                        (Sec. 3.4)
# ```
#
# All four cases of on and off, positive and negative:

# %%
RULES = {
    "backpropagation": lambda f, r: (f > 0) * r,
    "deconvnet": lambda f, r: (r > 0) * r,
    "guided": lambda f, r: (f > 0) * (r > 0) * r,
}
f, R = torch.tensor([2.0, 2.0, -1.0, -1.0]), torch.tensor([3.0, -3.0, 3.0, -3.0])
print("f               ", f.tolist())
print("R               ", R.tolist())
for name, rule in RULES.items():
    print(f"{name:16}", (rule(f, R) + 0.0).tolist())

# %% [markdown]
# ## Back through the network by hand
#
# Every other layer sends back what the chain rule says. A linear layer multiplies by its weights, a convolution
# convolves with the kernels turned round, max pooling puts each value back where the maximum was. So the whole way is
# one loop over the layers, and the rule is the only thing that changes.

# %%
layers = [*network.features, network.pool, nn.Flatten(), *network.classifier]


@torch.no_grad()
def go_back(images, chosen, rule):
    x, inputs = (images - 0.5) / 0.25, []  # the network normalises first
    for layer in layers:
        inputs.append(x)
        x = functional.relu(x) if isinstance(layer, nn.ReLU) else layer(x)
    r = functional.one_hot(torch.tensor(chosen), x.shape[1]).float()  # start from the class's logit
    for layer, f in zip(reversed(layers), reversed(inputs), strict=True):
        if isinstance(layer, nn.ReLU):
            r = rule(f, r)
        elif isinstance(layer, nn.Linear):
            r = r @ layer.weight
        elif isinstance(layer, nn.Flatten):
            r = r.view_as(f)
        elif isinstance(layer, nn.MaxPool2d):
            _, places = functional.max_pool2d(f, layer.kernel_size, return_indices=True)
            r = functional.max_unpool2d(r, places, layer.kernel_size, output_size=f.shape[2:])
        else:  # a convolution; where its stride left something over at the border, that is padded again
            left_over = [a - ((b - 1) * layer.stride[0] + 1) for a, b in zip(f.shape[2:], r.shape[2:], strict=True)]
            r = functional.conv_transpose2d(r, layer.weight, None, layer.stride, layer.padding, left_over)
    return r / 0.25


found = {name: go_back(images, classes[:1], rule) for name, rule in RULES.items()}
torch.testing.assert_close(guided_backprop(network, images, torch.tensor(classes[:1])), found["guided"])

figure, axes = plt.subplots(1, 4, figsize=(9.2, 2.6), layout="constrained")
axes[0].imshow(images[0].permute(1, 2, 0))
axes[0].set_title(" and ".join(names), fontsize=9)
for axis, (name, attribution) in zip(axes[1:], found.items(), strict=True):
    signed = attribution[0].sum(0)
    axis.imshow(signed, cmap="coolwarm", vmin=-signed.abs().max(), vmax=signed.abs().max())
    axis.set_title(f"{name}: {names[0]}", fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# Red pixels raise the class's logit when they get brighter, blue ones when they get darker. What the third rule
# leaves out are the paths on which something *inhibits* the class: it shows what excites it, along paths that excite
# at every step.
#
# Is the picture cleaner in numbers? The share of each map that lies on the objects of its class, over 100 scenes,
# beside the share of the image that these cover:

# %%
few = scenes.load(2000, seed=0)
pixels, labels, masks = torch.from_numpy(few.images[:100]) / 255, few.labels[:100], few.class_masks()[:100]
print(f"{'area':16}{masks.mean():6.2f}")
for name, rule in RULES.items():
    size = go_back(pixels, labels, rule).abs().sum(1, keepdim=True)
    print(f"{name:16}{metrics.energy_in_mask(size, masks).mean():6.2f}")

# %% [markdown]
# ## What does it explain?
#
# Ask for the other class, and look closely for a difference. Then randomise the head, by putting its weights in a
# random order, so that the network no longer knows any class:

# %%
randomised = controls.randomised(network, "classifier.0", "classifier.2")
shown = {
    names[0]: guided_backprop(network, images, torch.tensor(classes[:1])),
    names[1]: guided_backprop(network, images, torch.tensor(classes[1:])),
    f"{names[0]}, head randomised": guided_backprop(randomised, images, torch.tensor(classes[:1])),
}
figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.6), layout="constrained")
for axis, (title, attribution) in zip(axes, shown.items(), strict=True):
    axis.imshow(attribution[0].abs().sum(0), cmap="inferno")
    axis.set_title(title, fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# How alike the pictures of the two classes are, as rank correlations of the maps over 100 scenes. 1 would mean that the
# class does not matter at all:

# %%
pair = torch.from_numpy(held_out.images[:100]) / 255
for name, rule in RULES.items():
    maps = [go_back(pair, held_out.instance_classes[:100, which], rule).abs().sum(1, keepdim=True) for which in (0, 1)]
    pooled = [functional.avg_pool2d(each, 4) for each in maps]
    print(f"{name:16}{metrics.rank_correlation(*pooled).mean():6.2f}")

# %% [markdown]
# Guided backpropagation draws nearly the same for both. Its picture is one of the image as the convolutions see it,
# more than of the decision: this is what Selvaraju et al. (2017) and Adebayo et al. (2018) hold against it, and what
# the ledger of claims measures. *Where* to look has to come from elsewhere, as in Guided Grad-CAM.
#
# ## A ReLU that no hook sees
#
# Libraries change the gradient with a hook on each `nn.ReLU`. A ReLU that is written as a function is no module, and
# keeps its plain gradient, without a word. Here the operation itself is caught; how it is written does not matter:


# %%
class Written(nn.Module):
    def __init__(self, relu):
        super().__init__()
        self.relu = relu  # a module or a function

    def forward(self, x):
        a, b = x[:, 0, 0, :].unbind(-1)
        hidden = self.relu(self.relu(a) - self.relu(b))
        return torch.stack([hidden, -hidden], 1)


two = torch.tensor([[[[2.0, 1.0]]]])  # b inhibits: its gradient is -1, and the rule holds it back
for relu in (nn.ReLU(), functional.relu, lambda x: x.clamp(min=0)):
    print(guided_backprop(Written(relu), two, torch.tensor([0])).flatten().tolist())

# %% [markdown]
# **To try:** another scene (`WHICH`); a rule of your own in `RULES`, such as `lambda f, r: (f > 0) * r.abs()`; or an
# image of your own:
#
# ```sh
# sightglass run guided-backprop --image photo.jpg --out guided.png --model vgg16 --weights DEFAULT
# ```
