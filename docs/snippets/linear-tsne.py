from repro.embedding.linear_tsne import linear_tsne
from repro.engine.representations import representation
from repro.lab import figures, networks, scenes

model = networks.load("zf-scenes", seed=0)  # or your own network, in evaluation mode
some = scenes.load(200, seed=0)  # or your own images, values in [0, 1]; labels are for the colours alone
images, labels = networks.inputs(some.images, some.labels)
codes = representation(model, images, model.classifier[3]).detach()  # (200, 96), or any rows (N, F)

positions = linear_tsne(codes, perplexity=30.0).positions  # (200, 2)
chart = figures.scatter("last hidden layer", positions, labels, scenes.CLASSES)
figures.panels([[chart]]).savefig("linear-tsne.png")
