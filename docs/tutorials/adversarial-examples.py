# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Adversarial examples, step by step
#
# A change too small to see gives an image another class (Szegedy et al., *Intriguing properties of neural networks*,
# ICLR 2014). One gradient is enough to find such a change (Goodfellow, Shlens and Szegedy, *Explaining and Harnessing
# Adversarial Examples*, ICLR 2015). This page makes both by hand, and asks how special they are: is any noise of the
# same size as bad, and is it the network's fault or the gradient's?

# %%
import matplotlib.pyplot as plt
import torch
from torch.nn import functional

from repro.adversarial.adversarial_examples import adversarial_examples, distortion, fgsm
from repro.lab import networks, scenes

torch.set_num_threads(1)
network = networks.load("fc-scenes", seed=0)
held_out = scenes.load(2000, seed=0)
images, labels = networks.inputs(held_out.images[:50], held_out.labels[:50])
with torch.no_grad():
    right = network(images).argmax(1) == labels
images, labels = images[right], labels[right]

# %% [markdown]
# ## One step
#
# ```text
# η = ε sign(∇_x J(θ, x, y))                        (Goodfellow et al., Sec. 4)
# ```
#
# `J` is the cross-entropy of the true class *y*. Of all changes that move no pixel by more than ε, this one raises
# `J` the most, if the network is linear: each pixel goes as far as it may, to the side that hurts. `EPSILON` is in
# units of the image's values: 8/255 is eight grey levels.

# %%
EPSILON = 8 / 255
x = images.clone().requires_grad_()
J = functional.cross_entropy(network.double()(x.double()), labels, reduction="sum")
(gradient,) = torch.autograd.grad(J, x)
network.float()
by_hand = (images + EPSILON * gradient.sign()).clamp(0, 1)

found = fgsm(network, images, labels, EPSILON)
print(f"pixels in which the function differs: {(found - by_hand).abs().gt(1e-6).float().mean():.2%}")

# %% [markdown]
# It is not zero. Where the network is sure of the class, the probability of the true class rounds to one, and its part
# of the gradient is lost: even in float64, which we took above, and sooner in float32. `fgsm` takes the gradient of
# `log Σ_{k≠y} exp z_k - z_y` instead. `J` grows with it, so that the sign is the same, and nothing rounds away.
#
# Random signs of the same size are the control:

# %%
signs = torch.randint(0, 2, images.shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1


def error(changed):
    with torch.no_grad():
        return float((network(changed).argmax(1) != labels).float().mean())


print("grey levels  one step  random signs")
for grey in (1, 2, 4, 8, 16):
    step = fgsm(network, images, labels, grey / 255)
    noise = (images + grey / 255 * signs).clamp(0, 1)
    print(f"{grey:11}  {error(step):8.0%}  {error(noise):12.0%}")

# %% [markdown]
# ## How straight is the network?
#
# Goodfellow et al. explain this by linearity: along the direction η the logits are nearly straight lines, and in
# many dimensions many small changes add up. Here are the ten logits of one scene along η, and along random signs.

# %%
WHICH = 0
epsilons = torch.linspace(-32, 32, 65) / 255
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
directions = {"along η": gradient.sign()[WHICH], "along random signs": signs[WHICH]}
for axis, (title, direction) in zip(axes, directions.items(), strict=True):
    with torch.no_grad():
        logits = network(images[WHICH] + epsilons[:, None, None, None] * direction)
    for c in range(10):
        own = c == labels[WHICH]
        axis.plot(epsilons * 255, logits[:, c], lw=2.5 if own else 1, color="black" if own else None)
    axis.set_title(f"{title}; black: {scenes.CLASSES[labels[WHICH]]}", fontsize=9)
    axis.set_xlabel("ε in grey levels")
axes[0].set_ylabel("logit")
plt.show()

# %% [markdown]
# ## The smallest change
#
# ```text
# minimise c |r| + loss_f(x + r, l)  subject to  x + r in [0, 1]^m         (Szegedy et al., Sec. 4.1)
# ```
#
# The class *l* is ours to choose. The larger *c*, the smaller *r*: the largest *c* whose minimum still has the class
# *l* is what we look for. `adversarial_examples` searches for it, for the whole batch at once.

# %%
few, targets = images[:3], (labels[:3] + 1) % 10
nearest = adversarial_examples(network, few, targets, searches=5)
with torch.no_grad():
    print("wanted:", [scenes.CLASSES[c] for c in targets])
    print("got:   ", [scenes.CLASSES[c] for c in network(nearest).argmax(1)])
print("distortion in grey levels:", [round(255 * d, 2) for d in distortion(few, nearest).tolist()])

figure, axes = plt.subplots(3, 3, figsize=(6, 6.2), layout="constrained")
for i, row in enumerate(axes):
    added = (0.5 + 10 * (nearest[i] - few[i])).clamp(0, 1)
    titles = (scenes.CLASSES[labels[i]], "what is added, 10 times", scenes.CLASSES[targets[i]])
    for axis, picture, title in zip(row, (few[i], added, nearest[i]), titles, strict=True):
        axis.imshow(picture.permute(1, 2, 0))
        axis.set_title(title, fontsize=9)
        axis.axis("off")
plt.show()

# %% [markdown]
# ## Does another network fall for it?
#
# The same images, shown to a network of the same shape that was trained on other scenes, and to one of another
# shape:

# %%
step, noise = fgsm(network, images, labels, 16 / 255), (images + 16 / 255 * signs).clamp(0, 1)
for name, seed in (("fc-scenes", 0), ("fc-scenes", 1), ("gap-scenes", 0)):
    other = networks.load(name, seed)
    with torch.no_grad():
        wrong = [float((other(each).argmax(1) != labels).float().mean()) for each in (step, noise)]
    print(f"{name}, seed {seed}: one step {wrong[0]:.0%}, random signs {wrong[1]:.0%}")

# %% [markdown]
# **To try:** another size (`EPSILON`), another scene (`WHICH`), or an image of your own with a network that normalises
# its input: build the normalisation into the model, `torch.nn.Sequential(normalisation, model)`, so that black and
# white are cut off where they are black and white.
