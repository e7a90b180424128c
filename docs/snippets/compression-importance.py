from repro.interpretable.compression_importance import compression_importance
from repro.lab import digits, figures, networks

model = networks.load("lenet-mnist", seed=0)  # or your own classifier, in evaluation mode
some = digits.load(500, seed=0)  # or your own images, values in [0, 1], with their classes
images, labels = networks.inputs(some.images, some.labels)

importance = compression_importance(model, images, labels, model.features[0]).mean(0)  # one value a filter
bars = figures.bars("first layer", {str(i): float(x) for i, x in enumerate(importance)}, "filter", "lost accuracy")
figures.panels([[bars]]).savefig("compression-importance.png")
