from repro.lab import figures, models, photographs
from repro.visualisation.neural_style import neural_style

network = models.load("resnet50", "DEFAULT")  # torchvision's weights, downloaded once
model = network.model  # or your own classifier, in evaluation mode
images = network.preprocessing.view(models.example("resnet50"))[None]  # (1, 3, 224, 224), values in [0, 1]
styles = photographs.load("flower")[None]  # your own: repro.lab.images.load("painting.jpg")

layers = [model.get_submodule(name) for name in ("maxpool", "layer1", "layer2")]  # the last gives the content too
shown = neural_style(model, images, styles, layers)[0]
row = [figures.Panel("photograph", images[0]), figures.Panel("style", styles[0]), figures.Panel("neural-style", shown)]
figures.panels([row]).savefig("neural-style.png")
