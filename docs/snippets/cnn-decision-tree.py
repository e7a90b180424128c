from repro.interpretable.cnn_decision_tree import cnn_decision_tree
from repro.lab import figures, networks, scenes

model = networks.load("fc-scenes", seed=0)  # or your own classifier, in evaluation mode
some = scenes.load(500, seed=0, held_out=False)  # or your own images, values in [0, 1], with their classes
images, labels = networks.inputs(some.images, some.labels)
disks = images[labels == 2]  # "checked disk": the first is explained, the others grow the tree

shares = cnn_decision_tree(model, disks[:1], labels.new_tensor([2]), disks[1:])[0]
largest = shares.abs().argsort(descending=True)[:10].tolist()
bars = figures.bars("checked disk", {str(i): float(shares[i]) for i in largest}, "filter", "share")
figures.panels([[figures.Panel("image", disks[0])], [bars]]).savefig("cnn-decision-tree.png")
