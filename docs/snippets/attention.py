from repro.experiments.interpretable.heads import trained, training_maps
from repro.interpretable.attention import attention
from repro.lab import figures, networks, scenes

model = networks.load("gap-scenes", seed=0)  # or your own classifier, in evaluation mode
head = trained(*training_maps(model, seed=0), start=0)  # or a Head that you trained on feature maps of your own
some = scenes.load(3, seed=0)
images, _ = networks.inputs(some.images, some.labels)

shown = attention(model, images, head)
row = [figures.Panel(f"image {i}", images[i], shown[i]) for i in range(3)]
figures.panels([row]).savefig("attention.png")
