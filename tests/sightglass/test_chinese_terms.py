"""The Chinese of the catalogue and of the interface keeps to one word for one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sightglass.pages.laboratory import IN_CHINESE
from sightglass.pages.phrases import PHRASES

ROOT = Path(__file__).resolve().parents[2]

# What our own text does not say, with what it says instead.  Other people's titles and quotations stay as they are,
# and so do the words by which a thing is found (``aliases``).
AVOIDED = {
    "热图": "热力图",
    r"该图(?!像)": "name the map",
    "图片": "图像, 插图",
    "突出图": "显著图",
    "集成梯度": "积分梯度",
    r"总变[分差]": "全变分",
    "最强激活": "最大激活",
    "起反应": "有响应",
    r"激发(?!态)": "激活",
    "方块": "遮挡块",
    "位置开关|池化开关": "最大值位置（switches）",
    "修补": "图像修复",
    "短到可以阅读": "足够小，可以直接读懂",
    "代码空间": "编码空间",
    "上卷积": "解码网络, 解码器",
    "表示反演|特征反转": "特征反演",
    "对抗例子": "对抗样本",
    "愚弄": "欺骗",
    "拼接层": "缝合层",
    "码字|码本": "视觉词",
    "意外程度": "信息量",
    "捷径|短路连接": "跳跃连接",
    "掩模|掩膜": "掩码",
    "(?<!像)图块|补丁": "图像块",
    "部位": "部件",
    "几乎确信|很有把握": "置信度接近 100%",
    "判断(?!类别)": "预测, 决策",
    "所询问的": "目标类别",
    "账本|论断": "论文结论",
    "界限": "判定标准",
    "参数数": "参数量",
    "处理器": "CPU",
    "显卡": "GPU",
    "(?<!根)目录(?!结构)": "文献库",
    "发表处": "发表渠道",
    "方法族": "方法类别",
    "以其为基础": "基于",
    "种子(?<!随机种子)": "随机种子",
    "损失曲面": "损失景观",
    r"[您你]": "leave the pronoun out",
    r"[一每两几多]幅": "张",
}
UNSPACED = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]")
NOT_OURS = {"title_zh", "aliases", "founding_notes", "links", "unconfirmed_zh"}  # names, quotations, what sources say


def _catalogue() -> Iterator[tuple[str, str]]:
    """Where it stands, and every Chinese text of ours in the catalogue."""

    def walk(name: str, value: object) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key not in NOT_OURS:
                    yield from walk(f"{name} {key}", inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(name, inner)
        elif isinstance(value, str) and name.endswith("_zh"):
            yield name, value

    for path in sorted((ROOT / "catalog").rglob("*.yaml")):
        if path.name != "venues.yaml":  # names
            loaded = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)  # the safe one, in C
            yield from walk(path.stem, loaded)


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str]]:
    """Everything in Chinese that is ours, with where it stands."""
    guides = [(path.stem, path.read_text(encoding="utf-8")) for path in (ROOT / "docs/zh").rglob("*.*")]
    interface = [(key, chinese) for key, (_, chinese) in PHRASES.items()]
    found = [*_catalogue(), *guides, *interface, *IN_CHINESE.items()]
    return [(name, re.sub(r"“[^”]*”|《[^》]*》", "", text)) for name, text in found]


def test_terms_to_avoid_stand_nowhere(texts: list[tuple[str, str]]) -> None:
    assert len(texts) > 1000
    found = [
        f"{name}: {match[0]}, better {better}"
        for word, better in AVOIDED.items()
        for name, text in texts
        for match in re.finditer(word, text)
    ]
    assert found == []


def test_a_space_stands_between_chinese_and_latin(texts: list[tuple[str, str]]) -> None:
    plain = [(name, re.sub(r"`[^`]*`|\{\w+\}|\]\([^)]*\)|<[^>]*>|\{[^}]*\}", "", text)) for name, text in texts]
    assert [f"{name}: {match[0]}" for name, text in plain for match in UNSPACED.finditer(text)] == []
