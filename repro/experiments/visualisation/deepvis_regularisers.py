"""Four styles of regularised pictures of two networks on scenes, and what each regulariser contributes to them."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from repro.engine.regularisers import blurred
from repro.lab import figures, made_images, networks, photo_panels, scenes
from repro.visualisation.deepvis_regularisers import STYLES, Regularisers, deepvis_regularisers

SCENE = (3, scenes.SIZE, scenes.SIZE)
MAKERS = ("gap-scenes", "fc-scenes")
STEPS = 24  # chosen with the rate on zf-scenes, vgg-scenes and residual-scenes of seed 0
MEASURED = {
    "free": Regularisers(),
    "norm": STYLES["norm"],
    "unclipped": STYLES["norm"]._replace(norm=0.0),
    "blur": STYLES["blur"],
}


def measure(seed: int, device: str = "cpu") -> dict[str, float]:
    """The claims' quantities for all ten classes, means of gap-scenes and fc-scenes.

    "transfer": the share of pictures that networks of four other kinds put into the class.  "norm" and "blur" are
    styles; "free" has no regulariser, "unclipped" is "norm" with its blur alone; "afterwards" is "free" blurred at the
    end as "blur" is on the way, and "class-mean" the class's mean image, both at the contrast of "blur".  "high": the
    share of high frequencies.
    """
    classes, rows = torch.arange(10, device=device), []
    mean, of_class = made_images.mean_images(seed, device=device)
    for name in MAKERS:
        model, others = networks.load(name, seed).to(device), made_images.judges(name, seed, device)
        made = {
            key: deepvis_regularisers(model, classes, shape=SCENE, style=how, mean=mean, steps=STEPS, seed=seed)
            for key, how in MEASURED.items()
        }
        controls = {"afterwards": mean + blurred(made["free"] - mean, STYLES["blur"].blur), "class-mean": of_class}
        made |= {key: made_images.with_contrast_of(each, made["blur"], mean) for key, each in controls.items()}
        row = {f"{key}-transfer": made_images.transfer(others, each, classes) for key, each in made.items()}
        rows.append(row | {f"{key}-high": made_images.high_frequency_share(each) for key, each in made.items()})
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def figure(seed: int = 0, device: str = "cpu") -> Figure:
    """Five classes of gap-scenes without regularisers and in the four styles."""
    model, mean = networks.load("gap-scenes", seed).to(device), made_images.mean_images(seed, device=device)[0]
    classes, rows = torch.arange(5, device=device), []
    for name, how in (("free", Regularisers()), *STYLES.items()):
        found = deepvis_regularisers(model, classes, shape=SCENE, style=how, mean=mean, steps=48, seed=seed)
        rows.append([figures.Panel(f"{scenes.CLASSES[i]}, {name}", image) for i, image in enumerate(found)])
    return figures.panels(rows, "The same classes without regularisers, and with the four mixtures of the paper")


def photograph() -> photo_panels.Panels:
    """A daisy in the style "norm", and a daisy and an espresso in the style "blur"."""
    model, labels, shape = photo_panels.network(), [photo_panels.DAISY, photo_panels.ESPRESSO], (3, 128, 128)
    clipped = deepvis_regularisers(model, labels[:1], shape=shape, style="norm", steps=48)
    return [*clipped, *deepvis_regularisers(model, labels, shape=shape, style="blur", steps=48)]
