from repro.embedding.darksight import darksight
from repro.lab import figures, networks, scenes

model = networks.load("zf-scenes", seed=0)  # or your own classifier, in evaluation mode
some = scenes.load(400, seed=0)  # or your own images, values in [0, 1]
images, _ = networks.inputs(some.images, some.labels)
logits = model(images).detach()

found = darksight(logits, temperature=2.0)
chart = figures.scatter("predicted class", found.positions, logits.argmax(1), scenes.CLASSES)
figures.panels([[chart]]).savefig("darksight.png")
