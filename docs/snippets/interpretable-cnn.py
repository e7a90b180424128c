from repro.experiments.interpretable.heads import training_maps
from repro.experiments.interpretable.part_filters import trained
from repro.interpretable.interpretable_cnn import interpretable_cnn
from repro.lab import figures, networks, scenes

model = networks.load("gap-scenes", seed=0)  # or your own classifier, in evaluation mode
layer = trained("parts", *training_maps(model, seed=0), seed=0)  # or a PartLayer that you trained
some = scenes.load(3, seed=0)
images, labels = networks.inputs(some.images, some.labels)

shown = interpretable_cnn(model, images, labels, layer)
row = [figures.Panel(scenes.CLASSES[labels[i]], images[i], shown[i]) for i in range(3)]
figures.panels([row]).savefig("interpretable-cnn.png")
