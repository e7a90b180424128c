"""What a reader pastes to run a method on a photograph: a line that installs the project, a command, and Python.

Both come from the signature of the method's function, so that a new method has them without a word written here.  They
use torchvision's ResNet-50, except for the methods in ``SUITED``.  A method that needs many images, with labels or
without, has its Python in ``docs/snippets/<slug>.py``.  A test runs them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sightglass.running import runnable
from sightglass.running.runnable import Gives


@dataclass(frozen=True)
class Suited:
    """How one method departs from the others' snippet: another model, a layer, its own call, options of the command."""

    model: str = "resnet50"
    layer: str = ""
    imported: str = ""  # what the snippet imports from the module; by default the method's function
    call: str = ""
    options: str = ""


SUITED = {
    "occlusion": Suited(
        imported="occlusion, on_pixels",
        call="falls = occlusion(model, images, target_classes, patch=64, stride=16)\n"
        "shown = on_pixels(falls, images.shape[2:], patch=64, stride=16)[0]",
        options="--set patch=64 --set stride=16",  # 121 squares; the default ones take six times as long
    ),
    "lime": Suited(
        call="shown = lime(model, images, target_classes, samples=300)[0]",
        options="--set samples=300",  # the default thousand take minutes
    ),
    "prediction-difference": Suited(
        call="shown = prediction_difference(model, images, target_classes, window=28, stride=14, samples=2)[0]",
        options="--set window=28 --set stride=14 --set samples=2",  # 450 passes; the default takes many minutes
    ),
    "deconvnet": Suited(model="alexnet", layer="features.11"),  # a ResNet is no chain of layers
    "network-inversion": Suited(layer="layer1"),
    "adversarial-examples": Suited(
        imported="fgsm",
        call="changed = fgsm(model, images, target_classes, budget=4 / 255)\n"
        "target_classes = model(changed).argmax(1)\n"
        "shown = changed[0]",
    ),
    "fooling-images": Suited(
        call="target_classes = torch.tensor([281])  # tabby, tabby cat\n"
        "shown = fooling_images(model, target_classes, shape=(3, 224, 224), generations=60)[0]",
        options="--set generations=60",
    ),
    "deep-dream": Suited(
        layer="layer3",
        call='layer = model.get_submodule("{layer}")\nshown = deep_dream(model, images, layer)[0]',
    ),
    "feature-visualisation-distill": Suited(
        layer="layer2",
        call='layer = model.get_submodule("{layer}")\n'
        "channels = [88]  # any of the layer\n"
        "shown = feature_visualisation_distill(model, layer, channels, shape=(3, 224, 224))[0]",
    ),
    "activation-maximisation": Suited(
        layer="layer2",
        call='layer = model.get_submodule("{layer}")\n'
        "shown = activation_maximisation(model, layer, channels=[88], shape=(3, 224, 224))[0]  # any unit of the layer",
    ),
    "filter-visualisation": Suited(
        layer="layer2",
        call='layer = model.get_submodule("{layer}")\n'
        "shown = filter_visualisation(model, layer, channels=[88], shape=(3, 224, 224))[0]  # any channel of the layer",
    ),
}
# By what the function returns: the lines that call it, and leave in ``shown`` a map (1, h, w) or a picture (3, H, W).
CALLS: dict[Gives, str] = {
    "heatmap": "shown = {name}({given})[0]",
    "attribution": "attribution = {name}({given})\n"
    "shown = attribution[0].abs().sum(0, keepdim=True)\n"
    "shown = shown.clamp(max=shown.quantile(0.99))  # a few pixels would outshine the rest",
    "relevance": "relevance = {name}({given})\n"
    "shown = relevance[0].sum(0, keepdim=True)\n"
    "largest = shown.abs().quantile(0.99)  # a few pixels would outshine the rest\n"
    "shown = shown.clamp(-largest, largest)",
    "reconstruction": 'layer = model.get_submodule("{layer}")\n'
    "reconstruction = {name}(model, images, layer, channels=[88])[0]  # any unit of the layer\n"
    "shown = 0.5 + 0.5 * reconstruction / reconstruction.abs().max().clamp_min(1e-12)",
    "image": "target_classes = torch.tensor([281])  # tabby, tabby cat\n"
    "shown = {name}(model, target_classes, shape=(3, 224, 224))[0]",
    "filters": "filters = {name}(model, shape=(3, 224, 224)).weights\nshown = figures.filters(filters, columns=8)",
    "pre-image": 'layer = model.get_submodule("{layer}")\nshown = {name}(model, images, layer)[0].clamp(0, 1)',
}
FOLDER = "docs/snippets"
MAPS = ("heatmap", "attribution", "relevance")
# For methods of tables, by the name of what they return: the line that leaves in ``drawing`` what is drawn.
ROWS = {
    "DecisionTree": "tree = {name}({given}, leaves=6)\n"
    "print(trees.rules(tree, table.names, table.classes))\n"
    "drawing = decision_tree_vis(tree, table.held_out, tables.labels_of(network, table.held_out))",
    "TreeDrawing": "tree = trees.cart(table.inputs, answers, leaves=6)\ndrawing = {name}({given}, example=0)",
}
ROW_ARGUMENTS = {
    "predict": "lambda rows: tables.labels_of(network, rows)",
    "inputs": "table.inputs",
    "outputs": "answers",
    "labels": "answers",
    "tree": "tree",
}


def install(repository: str) -> str:
    """The line for a shell; without a public repository it installs the checkout that one stands in."""
    return f'pip install "sightglass[lab] @ git+{repository.rstrip("/")}"' if repository else 'pip install -e ".[lab]"'


def command(root: Path, slug: str) -> str | None:
    """The call of ``sightglass run`` with torchvision's weights; None for a method that shows no single image."""
    found = runnable.find(root, slug)
    if found is None or found.why_not:
        return None
    suited = SUITED.get(slug, Suited())
    given = found.given("example", target=281, unit=88)
    layer = f"--layer {suited.layer}" if suited.layer else ""
    parts = [f"sightglass run {slug}", given, f"--model {suited.model} --weights DEFAULT", layer, suited.options]
    return " ".join(part for part in (*parts, f"--out {slug}.png") if part)


def python(root: Path, slug: str) -> str | None:
    """Lines of Python that show what the method finds; None for a method that shows neither an image nor a tree."""
    found = runnable.find(root, slug)
    own = root / FOLDER / f"{slug}.py"
    if found and own.is_file():
        return own.read_text(encoding="utf-8").strip()
    if found and found.returns in ROWS:
        return _of_rows(found)
    suited = SUITED.get(slug, Suited())
    call = suited.call or (found and found.gives and CALLS.get(found.gives))
    if found is None or found.gives is None or not call:
        return None
    name = slug.replace("-", "_")
    sees, of_class = found.takes("images"), found.takes("target_classes")
    lines = ["import torch\n"] if "torch." in call else []
    lines += [f"from {found.module} import {suited.imported or name}", "from repro.lab import figures, models\n"]
    lines += [f'network = models.load("{suited.model}", "DEFAULT")  # torchvision\'s weights, downloaded once']
    lines += ["model = network.model  # or your own classifier, in evaluation mode"]
    if sees:
        lines += [
            f'photograph = models.example("{suited.model}")  # a cat; your own: repro.lab.images.load("photo.jpg")',
            "images = network.preprocessing.view(photograph)[None]  # (1, 3, 224, 224), values in [0, 1]",
        ]
    if sees and of_class:
        lines.append("target_classes = model(images).argmax(1)  # or a class that you ask about")
    given = "model, images" + (", target_classes" if of_class else "")
    lines.append("\n" + call.format(name=name, layer=suited.layer, given=given))
    title = ", ".join(filter(None, (slug, suited.layer)))
    lines.append("title = " + ("network.classes[int(target_classes)]" if of_class else f'"{title}"'))
    before = 'figures.Panel("photograph", images[0]), ' if sees else ""
    lines.append(f"row = [{before}figures.Panel(title, {'images[0], shown' if found.gives in MAPS else 'shown'})]")
    lines.append(f'figures.panels([row]).savefig("{slug}.png")')
    return "\n".join(lines)


def _of_rows(found: runnable.Runnable) -> str:
    """Lines of Python that explain a network of a table, and draw what is found."""
    slug, name = found.slug, found.slug.replace("-", "_")
    given = ", ".join(ROW_ARGUMENTS[each] for each, optional in found.parameters.items() if not optional)
    imports = {
        "from repro.interpretable.decision_tree_vis import decision_tree_vis",
        f"from {found.module} import {name}",
    }
    return "\n".join(
        [
            "from repro.engine import trees",
            *sorted(imports),
            "from repro.lab import tables, tree_figures\n",
            'table = tables.load("cancer", seed=0)  # or your own rows (N, F), in floating point',
            "network = tables.network(table, seed=0)  # or your own classifier of rows",
            "answers = tables.labels_of(network, table.inputs)\n",
            ROWS[found.returns or ""].format(name=name, given=given),
            f'tree_figures.figure(drawing, table.names, table.classes).savefig("{slug}.png")',
        ]
    )
