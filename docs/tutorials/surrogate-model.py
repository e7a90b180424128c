# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% [markdown]
# # Trees that explain networks, step by step
#
# A network with a thousand weights can't be read; a decision tree with six leaves can. So let a tree learn what the
# network says, and read the tree. Whether that explains the network, or only the data, can be measured.

# %%
import matplotlib.pyplot as plt
import torch

from repro.engine import trees
from repro.interpretable.decision_tree_vis import decision_tree_vis
from repro.lab import tables, tree_figures
from repro.surrogate.model_extraction import model_extraction
from repro.surrogate.surrogate_model import fidelity, surrogate_model

torch.set_num_threads(1)
cancer = tables.load("cancer", seed=0)
network = tables.network(cancer, seed=0)
answers, held_out = (tables.labels_of(network, rows) for rows in (cancer.inputs, cancer.held_out))
right = (held_out == cancer.held_out_labels).double().mean()
print(f"{len(cancer.inputs)} tumours, {len(cancer.names)} measurements each")
print(f"the network is right on {right:.0%} of those held out")

# %% [markdown]
# ## Equation (a): fit a tree to the network's labels
#
# ```text
# h = argmin over small trees h of  mean of l(h(x), f(x))        (a)
# ```
#
# `f` is the network. The true labels do not occur.

# %%
tree = surrogate_model(cancer.inputs, answers, leaves=6)
print(trees.rules(tree, cancer.names, cancer.classes))

# %% [markdown]
# The thresholds are in standard deviations from the mean. Back in the units of the data, and with the held-out tumours
# drawn into it, the tree can be read at a glance: each histogram shows the tumours that reach a split, each bar the
# labels that the network gives to those in a leaf.

# %%
in_units, rows = tables.in_units(cancer, tree, cancer.held_out)
drawing = decision_tree_vis(in_units, rows, held_out)
drawn = tree_figures.figure(drawing, cancer.names, cancer.classes, "What the network says of 171 tumours")
drawn.canvas.draw()
plt.figure(figsize=drawn.get_size_inches(), layout="constrained")
plt.imshow(drawn.canvas.buffer_rgba())
plt.axis("off")
plt.show()

# %% [markdown]
# ## Equation (b): does the tree speak of the network, or of the data?
#
# ```text
# fidelity = mean of [h(x) = f(x)],  on new rows                 (b)
# ```
#
# Compare it with a tree that never saw the network: one of the same size, grown on the true labels.


# %%
def compare(table: tables.Table, model: torch.nn.Module, leaves: int) -> None:
    told, new = (tables.labels_of(model, rows) for rows in (table.inputs, table.held_out))
    right = (new == table.held_out_labels).double().mean()
    by_network = fidelity(surrogate_model(table.inputs, told, leaves=leaves), table.held_out, new)
    by_truth = fidelity(trees.cart(table.inputs, table.labels, leaves=leaves), table.held_out, new)
    print(
        f"network right on {right:.0%}; fidelity of its surrogate {by_network:.0%}, of the data's tree {by_truth:.0%}"
    )


digits = tables.load("digits", seed=0)
compare(cancer, network, 6)
compare(digits, tables.network(digits, 0, (3,), 300), 16)  # three hidden units are too few for ten digits

# %% [markdown]
# If the network is nearly always right, both trees learn nearly the same labels: what the surrogate says is true of
# the data, and would be true of any good classifier. Only where the network errs does the surrogate follow it, and the
# tree of the data does not.
#
# ## Ask for more labels
#
# Data are scarce; labels of the network cost nothing. Model extraction (Bastani, Kim and Bastani, *Interpreting
# Blackbox Models via Model Extraction*) fits a mixture of Gaussians to the rows, draws new ones wherever the tree needs
# them, and asks the network.

# %%
extracted = model_extraction(lambda rows: tables.labels_of(network, rows), cancer.inputs, leaves=6)
for name, each in (("surrogate", tree), ("extracted", extracted)):
    print(f"{name}: fidelity {trees.fidelity(each, cancer.held_out, held_out):.0%} on tumours that were held out")

# %% [markdown]
# The new rows are not real tumours. On rows that are drawn in the same way the extracted tree is better, on real ones
# it need not be: the page of model extraction has both numbers. Whichever tree you show, say on which rows its fidelity
# was measured.
#
# **To try:** two leaves, or forty: how does the fidelity change, and can you still read the tree? Then `"wine"` in
# place of `"cancer"`.
