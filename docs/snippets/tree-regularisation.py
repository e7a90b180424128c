from torch import nn

from repro.engine import trees
from repro.interpretable.decision_tree_vis import decision_tree_vis
from repro.interpretable.tree_regularisation import tree_regularisation
from repro.lab import tables, tree_figures

table = tables.load("wine", seed=0)  # or your own rows (N, F), in floating point, with their classes
network = nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 3))  # or your own classifier of rows

found = tree_regularisation(network, table.inputs, table.labels)
print(trees.rules(found.tree, table.names, table.classes))
drawing = decision_tree_vis(found.tree, table.held_out, tables.labels_of(found.network, table.held_out))
tree_figures.figure(drawing, table.names, table.classes).savefig("tree-regularisation.png")
