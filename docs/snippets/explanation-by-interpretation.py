from repro.attribution.explanation_by_interpretation import explanation_by_interpretation
from repro.lab import figures, networks, scenes

model = networks.load("vgg-scenes", seed=0)  # or your own classifier, in evaluation mode
some = scenes.load(500, seed=0, held_out=False)  # or your own images, values in [0, 1], with their classes
examples, labels = networks.inputs(some.images, some.labels)  # (500, 3, 64, 64) and (500,)
images, target_classes = examples[:1], labels[:1]

shown = explanation_by_interpretation(model, images, target_classes, examples, labels)[0]
row = [figures.Panel("image", images[0]), figures.Panel(scenes.CLASSES[int(target_classes)], images[0], shown)]
figures.panels([row]).savefig("explanation-by-interpretation.png")
