from repro.lab import belief, figures
from repro.visualisation.linear_combination import linear_combination

images = belief.data(seed=0)
network = belief.network(images, seed=0)  # or your own layers, all Linear or all Conv2d

pictures = linear_combination([network[1], network[3]], channels=[0, 1, 2], strongest=10)  # (3, 784)
pictures = pictures / pictures.abs().amax(1, keepdim=True)
row = [figures.Panel(f"unit {k}", each.view(1, 28, 28)) for k, each in enumerate(0.5 + 0.5 * pictures)]
figures.panels([row]).savefig("linear-combination.png")
