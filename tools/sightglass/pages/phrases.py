"""Every phrase of the interface, in English and Chinese, in one place; what the catalogue says never stands here.

A phrase may hold Markdown and ``{names}`` to fill in; what is filled in must already be safe to stand on a page.
The groups are named after what they label: ``kind.blog`` for a kind of entry, ``nav.Browse`` for a title of the
navigation as mkdocs.yml writes it, ``js.…`` for what the scripts say.
"""

from __future__ import annotations

import re
from datetime import date

from babel.dates import format_date

LANGUAGES = {"en": "en", "zh": "zh-Hans"}  # the languages of the interface, and how HTML names each
FOLDERS = {"en": "", "zh": "zh/"}  # below which folder of the site each stands
NAMES = {"en": "English", "zh": "中文"}

PHRASES: dict[str, tuple[str, str]] = {
    # Lists and what stands for an entry in them
    "and others": ("{names} and others", "{names} 等"),
    "nothing": ("Nothing yet.", "暂无内容。"),
    "entries": ("Entries", "条目"),
    # An entry's page
    "not identified": ("Not identified", "未能确认"),
    "not identified why": (
        "The work behind the founding notes' words could not be found.",
        "未能找到原始笔记所指的作品。",
    ),
    "volume": ("vol. {volume}", "第 {volume} 卷"),
    "pages": ("pp. {pages}", "第 {pages} 页"),
    "methods": ("Methods", "方法"),
    "proposed here": ("proposed here", "本文提出"),
    "treated here": ("treated here", "本文涉及"),
    "runs here": ("runs here", "可运行"),
    "no reproduction": ("no reproduction yet", "暂无复现代码"),
    "related runs": (
        "no reproduction yet; related methods that run here: {methods}",
        "暂无复现代码；相关且可运行的方法：{methods}",
    ),
    "picture alt": ("{name}, as the reproduction here draws it", "{name}：由本项目的复现代码绘制"),
    "picture caption": (
        "{name}, drawn by the reproduction here; not a figure of the paper",
        "{name}：由本项目的复现代码绘制，并非论文插图",
    ),
    "about none": ("Treats none of the catalogue's methods: {why}", "未涉及文献库中的方法：{why}"),
    "way.visit": ("Visit", "访问"),
    "way.pdf": ("PDF", "PDF 全文"),
    "way.code": ("Code", "代码"),
    "way.doi": ("DOI", "DOI 页面"),
    "way.archived": ("Archived copy", "存档副本"),
    "a part": ("a part of it", "其中一部分"),
    "links": ("Links", "链接"),
    "now here": ("now here", "现址"),
    "archived copy": ("archived copy", "存档"),
    "cite": ("Cite", "引用"),
    "download": ("Download: {files}", "下载：{files}"),
    "copy": ("Copy {format}", "复制 {format}"),
    "add all": ("Add all to the basket", "全部加入文献篮"),
    "download bib": ("Download .bib", "下载 .bib"),
    "add to basket": ("Add to the basket", "加入文献篮"),
    "related": ("Related", "相关"),
    "builds on": ("Builds on", "基于以下工作"),
    "goes with": ("Goes with", "配套"),
    "taken further": ("Taken further or accompanied by", "后续与配套工作"),
    "same methods": ("On the same methods", "同一方法的其他条目"),
    "in lists": ("In the reading lists {lists}", "所在阅读清单：{lists}"),
    "in the founding notes": ("In the founding notes", "原始笔记中的记载"),
    "mentioned": ("Mentioned in the [founding notes]({page}) at {lines}.", "见[原始笔记]({page}) {lines}。"),
    "line": ("Line", "行"),
    "founding note says": ("The founding note says", "原始笔记的说法"),
    "is the case": ("What is the case", "实际情况"),
    "how sure": ("How sure this is", "可信程度"),
    "compared with": ("{fields}: compared with {source}", "{fields}：已与{source}核对"),
    "compared without address": (
        "{fields}: compared with {source}, whose address was not kept",
        "{fields}：已与{source}核对，但未记下其地址",
    ),
    "not confirmed": ("Not confirmed: {what}", "尚未证实：{what}"),
    # A method's page
    "picture of method": ("{name} on scenes with known truth", "{name}在真值已知的合成图像上的结果"),
    "also called": ("Also called {names}.", "又称：{names}。"),
    "proposed in": ("Proposed in {papers}.", "提出论文：{papers}。"),
    "method builds on": ("Builds on {methods}.", "基于：{methods}。"),
    "method taken further": ("Taken further by {methods}.", "后续工作：{methods}。"),
    "method in lists": ("In the reading lists {lists}.", "所在阅读清单：{lists}。"),
    "reproduction": ("Reproduction", "复现代码"),
    "none here": ("Not implemented yet. {why}", "暂无复现代码。{why}"),
    "feasible.yes": (
        "It can be reproduced on small data: contributions welcome.",
        "可在小数据集上复现，欢迎贡献。",
    ),
    "feasible.partly": ("It can be reproduced in part on small data.", "可在小数据集上部分复现。"),
    "feasible.no": ("It cannot be reproduced on small data.", "无法在小数据集上复现。"),
    "run it": ("Run it", "运行"),
    "code is": ("The code is {where}.", "代码：{where}。"),
    "tutorial": ("Tutorial: {name}, step by step", "教程：逐步讲解 {name}"),
    "claims": ("Claims", "论文结论"),
    "claim": ("Claim", "论文结论"),
    "in the paper": ("In the paper", "论文中的位置"),
    "paper measured": ("The paper measured", "论文报告值"),
    "measured here": ("Measured here", "本项目实测"),
    "bound": ("Bound", "判定标准"),
    "verdict": ("Verdict", "验证结果"),
    "device": ("Device", "设备"),
    "range": ("{low} to {high}", "{low} 至 {high}"),
    "verdict.holds": ("holds", "已复现"),
    "verdict.fails": ("fails", "未复现"),
    "verdict.reported": ("reported", "仅列数值"),
    "verdict.not run": ("not run", "未运行"),
    "verdict.stale": ("stale", "待重测"),
    "as expected": ("as expected here", "与预期相符"),
    "measured with": (
        "Measured with `{command}` on {device} ({name}), {date}, in {seconds} s, over {seeds} seeds.",
        "测量命令 `{command}`，设备 {device}（{name}），{date}，用时 {seconds} 秒，{seeds} 个随机种子。",
    ),
    "everything measured": ("Everything that was measured, controls included", "全部测量值（含对照）"),
    "quantity": ("Quantity", "指标"),
    "paper to code": ("From the paper to the code", "从论文到代码"),
    "equation": ("Eq. ({number})", "式（{number}）"),
    "docstring": ("The module's docstring: shapes, units, differences from the paper", "代码模块的英文说明"),
    "ours": ("our own comparison", "本项目自设的对照"),
    "read": ("Read", "阅读"),
    "animation of": ("{name}: how the picture comes about", "{name}：图像的形成过程"),
    "comes about": (
        "How the picture comes about. It plays once; load the page again to see it again.",
        "图像的形成过程。只播放一次，刷新页面可重看。",
    ),
    "photograph of": ("{name} on a photograph", "{name}：作用于照片"),
    "on photographs": ("On three photographs", "作用于三张照片"),
    "strip alt": (
        "The photographs: a cat, a cup of coffee, and halves of both side by side",
        "所用照片：一只猫、一杯咖啡，以及两者各半并排",
    ),
    "strip of": (
        "{name} for the predicted class on a cat and on a cup of coffee, and for espresso on both side by side",
        "{name}：在猫和咖啡的照片上针对预测类别，在两者并排的照片上针对浓缩咖啡",
    ),
    "strips say": (
        "Each map is for the class that the network predicts; on the third photograph, for espresso. Yellow marks what "
        "matters most. A map with a sign shows evidence for the class in red and against it in blue.",
        "每张热力图针对网络预测的类别，第三张照片针对浓缩咖啡。黄色处最重要；有正负的热力图以红色表示支持该类别的证据，"
        "以蓝色表示反对的证据。",
    ),
    "no strip": (
        "Not drawn: EfficientNet-Lite0, the network used for these photographs, does not fit. "
        "This method needs {needs}.",
        "未绘制：这些照片所用的网络 EfficientNet-Lite0 不符合要求。此方法需要{needs}。",
    ),
    "strip needs more": (
        "Not drawn: this method needs more than an image and a class.",
        "未绘制：此方法除图像和类别外还需要其他输入。",
    ),
    "strip missing": ("Not drawn yet", "尚未绘制"),
    "choose.does": ("What it does", "作用"),
    "no photograph": (
        "No photograph yet. These are the laboratory's scenes, where the right answer is known.",
        "尚未在照片上绘制。这里是真值已知的合成场景图像。",
    ),
    "others": ("Compare methods: [which method?]({page})", "各方法的比较：[选择方法]({page})"),
    "the idea": ("The idea", "基本思想"),
    "install": ("Install it, with PyTorch, once:", "安装（含 PyTorch，只需一次）："),
    "install here": (
        "Install it, with PyTorch, once, in a checkout of this project:",
        "在本项目的文件夹中安装（含 PyTorch，只需一次）：",
    ),
    "on the command line": (
        "On the command line, for a photograph of a cat and a network trained on ImageNet; `--image photo.jpg` takes "
        "your own, and `--class` asks about another class:",
        "命令行：示例为一张猫的照片和在 ImageNet 上训练的网络。`--image photo.jpg` 使用自己的照片，"
        "`--class` 指定其他类别：",
    ),
    "on the command line without class": (
        "On the command line, for a photograph of a cat and a network trained on ImageNet; `--image photo.jpg` takes "
        "your own:",
        "命令行：示例为一张猫的照片和在 ImageNet 上训练的网络。`--image photo.jpg` 使用自己的照片：",
    ),
    "made from nothing without class": (
        "On the command line, with a network trained on ImageNet:",
        "命令行：使用在 ImageNet 上训练的网络：",
    ),
    "made from nothing": (
        "On the command line, with a network trained on ImageNet; `--class` asks for another class:",
        "命令行：使用在 ImageNet 上训练的网络，`--class` 指定其他类别：",
    ),
    "in python": ("In Python:", "Python 代码："),
    "measure again": (
        "Measure its claims again: `sightglass verify {slug}`.",
        "重新验证：`sightglass verify {slug}`。",
    ),
    "when to use it": ("When to use it, and when not", "适用与不适用的情况"),
    "use it": ("Use it if", "适用"),
    "avoid it": ("Choose another method if", "不适用"),
    "shown by": ("The claims that show it:", "相关论文结论："),
    "cost": ("Cost for one image", "每张图像的开销"),
    "needs of network": ("The network needs", "对网络的要求"),
    "resolution": ("Resolution", "分辨率"),
    "network.any": ("nothing but scores: any classifier", "只需得分，适用于任何分类器"),
    "network.gradients": ("gradients with respect to the image", "可对图像求梯度"),
    "network.maps": ("convolutional feature maps, and gradients", "卷积特征图，可求梯度"),
    "network.pooling": (
        "global average pooling and one linear layer at its end",
        "以全局平均池化加一个线性层结尾",
    ),
    "network.relu": ("ReLUs, and gradients", "ReLU，可求梯度"),
    "network.rules": (
        "operations that have a rule: no attention, GELU or SiLU",
        "每种运算都有规则：不含注意力、GELU、SiLU",
    ),
    "network.chain": (
        "one chain of convolutions, ReLUs, max poolings and linear layers: AlexNet, VGG",
        "由卷积、ReLU、最大池化和线性层串成的一条链，如 AlexNet、VGG",
    ),
    "resolution.map": ("regions: the grid of the layer's feature maps", "区域：该层特征图的网格"),
    "resolution.squares": ("regions: the positions of the square", "区域：遮挡块的各个位置"),
    "resolution.pixels": ("pixels of the image", "图像的像素"),
    "reproduced": ("{held} of {all} reproduced.", "{all} 条中已复现 {held} 条。"),
    "ours alone": ("No claims of a paper, only comparisons of our own.", "没有论文结论，只有本项目自设的对照。"),
    "reproduced otherwise": (
        "Measured on small networks and images with [known truth](laboratory.md); click a row for details.",
        "在小网络和[真值已知的合成图像](laboratory.md)上测量；点击每行可展开。",
    ),
    "control": ("Compared with", "对照"),
    "reason": ("Why not", "原因"),
    "address": ("Address", "链接"),
    "each seed": ("; by seed: {values}", "；各随机种子：{values}"),
    "on device": (" (on {device})", "（设备：{device}）"),
    "quick": (
        "Speed on one CPU thread, ResNet-50, one image of {size} pixels: {rows}.",
        "速度（单线程 CPU，ResNet-50，一张边长 {size} 像素的图像）：{rows}。",
    ),
    "quick row": (
        "{seconds} s, {ratio} times the cost of the passes that it cannot avoid",
        "{seconds} 秒，为下限的 {ratio} 倍",
    ),
    "few squares": ("timed with a few large squares only", "计时只用了少数几个大遮挡块"),
    "to benchmark": ("All measurements", "全部测量"),
    "related methods": ("Related methods", "相关方法"),
    "record history": ("Record history: sources, corrections, open questions", "记录来源：出处、更正与未决问题"),
    # Pages that list
    "papers": ("Papers", "论文"),
    "tools": ("Tools", "工具"),
    "posts": ("Posts", "文章"),
    "resources": ("Resources", "资源"),
    "papers lead": ("Every paper of the catalogue, newest first.", "文献库中的全部论文，从新到旧。"),
    "tools lead": ("Libraries, applications, demonstrations and code.", "软件库、应用、演示与代码。"),
    "posts lead": ("Blogs, news, answers and advice.", "博客、新闻、问答与建议。"),
    "resources lead": ("Courses, books, videos, lists, groups and people.", "课程、书籍、视频、清单、团队与人物。"),
    "in all": ("{count} in all.", "共 {count} 条。"),
    "families": ("Families", "方法类别"),
    "families lead": (
        "The branches of the taxonomy; every method belongs to one.",
        "分类体系的各个分支；每种方法属于其中一类。",
    ),
    "methods and entries": ("{methods} methods, {entries} entries", "方法 {methods} 种，条目 {entries} 条"),
    "methods lead": ("{count} techniques; {runs} run here.", "共 {count} 种方法，其中 {runs} 种可运行。"),
    "venues": ("Venues", "发表渠道"),
    "venue": ("Venue", "发表渠道"),
    "short": ("Short", "简称"),
    "kind": ("Kind", "类型"),
    "years": ("Years", "年份"),
    "year": ("Year", "年份"),
    "year heading": ("{year}", "{year} 年"),
    "without year": ("Without a confirmed year", "年份未证实"),
    "people": ("People", "人物"),
    "people lead": (
        "The {count} authors of the catalogue's papers, by family name; numbers count their papers.",
        "文献库中论文的 {count} 位作者，按姓氏排序；数字为论文篇数。",
    ),
    "filter names": ("Filter by name", "按姓名筛选"),
    "people found": ("{shown} of {all} people", "共 {all} 人，显示 {shown} 人"),
    "letters": ("Letters", "字母"),
    "many papers": ("{count} papers or more", "{count} 篇或更多论文"),
    "person": ("Person", "人物"),
    "lists": ("Reading lists", "阅读清单"),
    "sessions and items": ("{sessions} sessions, {items} things to read", "{sessions} 次讨论，{items} 条阅读材料"),
    # Reading lists
    "list.lead": ("What to read, and in which order, in a group or alone.", "供小组或个人使用的阅读计划。"),
    "list.next": ("Next session", "下一次讨论"),
    "list.following": ("next", "下一次"),
    "list.over": ("All planned sessions are over.", "计划中的讨论都已结束。"),
    "list.schedule": ("Schedule", "日程"),
    "list.times": ("Times are those of {zone}.", "时间为 {zone} 时区。"),
    "list.done": ("done", "已结束"),
    "list.cancelled": ("cancelled", "已取消"),
    "list.moved": ("moved from {when}", "原定 {when}"),
    "list.notes": ("Notes", "记录"),
    "list.tick": ("Read: {title}", "已读：{title}"),
    "list.progress": ("{done} of {all} read", "已读 {done}/{all}"),
    "list.unkept": ("{done} of {all} read (this browser does not keep it)", "已读 {done}/{all}（此浏览器无法保存）"),
    "list.calendar": ("Add to calendar", "加入日历"),
    "list.subscribe": ("Subscribe", "订阅"),
    "list.print": ("Print", "打印"),
    "list.copy": ("Copy as Markdown", "复制为 Markdown"),
    "list.copied": ("Copied", "已复制"),
    "list.uncopied": ("Select it below and copy it", "请在下方选中并复制"),
    "list.chat": ("Markdown for a chat", "用于聊天的 Markdown"),
    "list.download": ("Download {files}", "下载 {files}"),
    # A reader's own dates for a list; ``plan.words.…`` is what the script says.
    "plan": ("Choose your own dates and get a calendar", "自定日期，生成日历"),
    "plan.lead": (
        "Choose when to begin, and every session gets a date. Your choices stay in this browser; a link that you copy"
        " carries them. If you change something, download and import the calendar again: it moves the sessions.",
        "选定开始的日期和时间，每次讨论便有日期。所选内容只保存在此浏览器中，复制的链接会带上这些内容。"
        "若有改动，请重新下载并导入日历，原有日程会随之移动。",
    ),
    "plan.from": ("First day", "开始日期"),
    "plan.every": ("Day of the week", "星期"),
    "plan.same": ("that of the first day", "同开始日期"),
    "plan.time": ("Time", "时间"),
    "plan.timezone": ("Time zone", "时区"),
    "plan.minutes": ("Length in minutes", "时长（分钟）"),
    "plan.weeks": ("Every … weeks", "每几周一次"),
    "plan.skip": ("Weeks without a session", "停开的周"),
    "plan.skip hint": (
        "any day of the week, such as 2026-12-24; several with commas",
        "该周的任意一天，如 2026-12-24；多个用逗号分隔",
    ),
    "plan.presenters": ("Presenters", "主讲人"),
    "plan.presenters hint": ("names that take turns, with commas", "姓名用逗号分隔，依次轮流"),
    "plan.place": ("Place", "地点"),
    "plan.place hint": ("a room or a link", "房间或链接"),
    "plan.download": ("Download calendar (.ics)", "下载日历（.ics）"),
    "plan.link": ("Copy link", "复制链接"),
    "plan.mine": ("Show my own dates", "显示我的日期"),
    "plan.clear": ("Clear", "清除"),
    "plan.command": ("The same on the command line:", "等价的命令："),
    "plan.words.bad from": ("Choose a day between the years 2000 and 2999.", "请选择 2000 至 2999 年之间的日期。"),
    "plan.words.bad every": ("Choose a day of the week.", "请选择星期几。"),
    "plan.words.bad time": ("Choose a time, such as 16:00.", "请填写时间，如 16:00。"),
    "plan.words.bad timezone": ("Choose a time zone.", "请选择时区。"),
    "plan.words.bad minutes": ("A whole number from 1 to 1440.", "请填写 1 至 1440 的整数。"),
    "plan.words.bad weeks": ("A whole number from 1 to 52.", "请填写 1 至 52 的整数。"),
    "plan.words.bad skip": (
        "“{value}” is not a day; write it as 2026-12-24.",
        "“{value}” 不是日期，请写成 2026-12-24 的形式。",
    ),
    "plan.words.never": (
        "On {value} the clocks of this time zone never show this time: summer time begins.",
        "{value} 当天夏令时开始，该时区没有这一时刻。",
    ),
    "plan.words.skip": ("Skip", "跳过"),
    "plan.words.skipped": ("The week of {value} is left out.", "已跳过 {value} 所在的周。"),
    "plan.words.downloaded": ("Downloaded: {value}", "已下载：{value}"),
    "plan.words.failed": ("The calendar could not be made ({value}). Try again.", "未能生成日历（{value}），请重试。"),
    "plan.words.linked": ("These dates come from the link that you opened.", "以下日期来自所打开的链接。"),
    "plan.words.unkept": ("This browser does not keep your choices.", "此浏览器无法保存所选内容。"),
    "plan.words.cleared": ("Your choices were deleted.", "所选内容已清除。"),
    "ledger": ("The ledger of claims", "论文结论验证"),
    "ledger lead": (
        "A claim is one checkable statement of a paper: where the paper makes it, what the paper measured, what the "
        "code here measures, and whether it holds. A claim that is not reproduced at this scale is shown with the "
        "reason. *Stale* means that the code has changed since the number was measured.\n\n"
        "`sightglass verify` measures every claim again, in the [laboratory](laboratory.md). The "
        "[benchmark](benchmark.md) shows how fast the methods are.",
        "每一行是论文中一条可检验的结论：在论文中的位置、论文报告值、本项目实测、是否复现。"
        "未在小网络上复现的结论附有原因。*待重测*表示测量之后代码有改动。"
        "\n\n`sightglass verify` 在[实验环境](laboratory.md)中重新测量全部结论；"
        "各方法的速度见[速度与内存](benchmark.md)。",
    ),
    "comma": (", ", "、"),
    "all claims": ("all claims", "全部结论"),
    "all methods": ("all methods", "全部方法"),
    "claim.holds": ("reproduced", "已复现"),
    "claim.fails as expected": ("not reproduced on our small networks", "未在小网络上复现"),
    "claim.fails": ("failing", "未达到判定标准"),
    "claim.reported": ("reported without a verdict", "仅列数值"),
    "claim.stale": ("stale", "待重测"),
    "claim.not run": ("not run", "未运行"),
    "claim.ours": ("comparisons of our own", "本项目自设的对照"),
    "claims stand": ("{holds} of {all} claims reproduced", "{all} 条结论中 {holds} 条已复现"),
    "claims else": ("{state}: {count}", "{state} {count} 条"),
    "page of the method": ("The method: {method}", "方法页面：{method}"),
    "address of claim": ("The address of this claim", "此结论的链接"),
    "why not": ("Why not", "原因"),
    "all families": ("All families", "全部类别"),
    "run here": ("Run here", "可在此运行"),
    "only what runs": ("Only what runs here", "只显示可运行的方法"),
    "page of the family": ("The family with its entries", "该类别及其条目"),
    "no claims": ("No claims yet.", "暂无论文结论。"),
    "method": ("Method", "方法"),
    "browse": ("Browse", "浏览"),
    "without javascript": (
        "Without JavaScript, this page shows the newest entries; the lists below have everything.",
        "未启用 JavaScript 时，以上为最新条目；全部内容可从下列清单找到。",
    ),
    "browse lists": (
        "All {folders}; by [family](families/index.md), [method](methods/index.md), [venue](venues/index.md), "
        "[year](years/index.md) and [person](people/index.md).",
        "全部{folders}；按[方法类别](families/index.md)、[方法](methods/index.md)、[发表渠道](venues/index.md)、"
        "[年份](years/index.md)、[人物](people/index.md)查看。",
    ),
    # Finding
    "family": ("Family", "方法类别"),
    "topic": ("Topic", "主题"),
    "language": ("Language", "语言"),
    "framework of code": ("Framework of the code", "代码框架"),
    "has a reproduction": ("Has a reproduction", "有复现代码"),
    "claims verified": ("Claims verified", "论文结论已验证"),
    "yes": ("yes", "是"),
    "not yet": ("not yet", "尚未"),
    "all papers": ("all papers", "全部论文"),
    "all tools": ("all tools", "全部工具"),
    "all posts": ("all posts", "全部文章"),
    "all resources": ("all resources", "全部资源"),
    "search entries": ("Search in all entries", "在全部条目中搜索"),
    "words to search": ("Words, names, years", "关键词、作者、年份"),
    "sort by": ("Sort by", "排序"),
    "by relevance": ("Relevance", "相关度"),
    "newest first": ("Newest first", "从新到旧"),
    "by title": ("Title", "标题"),
    "filter": ("Filter", "筛选"),
    "chosen filters": ("Chosen filters", "已选条件"),
    "remove": ("Remove {choice}", "移除 {choice}"),
    "show more": ("Show more", "显示更多"),
    "found": ("{shown} of {all} entries", "共 {all} 条，显示 {shown} 条"),
    "loading": ("loading the rest …", "正在加载其余部分……"),
    "partly": ("no exact match; these match most of your words", "没有完全匹配的结果，以下为部分匹配"),
    "ignored": ("not found, ignored: {words}", "未找到、已忽略：{words}"),
    "found nothing": ("Nothing found for “{query}”.", "没有找到“{query}”。"),
    "found nothing chosen": ("Nothing matches all the chosen filters.", "没有条目符合全部筛选条件。"),
    "show all entries": ("Clear the search and show all entries", "清除搜索词和筛选条件，显示全部条目"),
    "ways on": (
        'Look through the <a href="{methods}">methods, with pictures</a> or the <a href="{families}">families</a>.',
        '查看<a href="{methods}">方法图库</a>或<a href="{families}">方法类别</a>。',
    ),
    "ways on add": (
        'Something is missing? <a href="{contributing}">Add it in one file</a>.',
        '缺少什么？<a href="{contributing}">用一个文件即可添加</a>。',
    ),
    "answers": ("Methods, guides and lists", "方法、指南与清单"),
    "show more answers": ("Show {count} more", "再显示 {count} 项"),
    "scope": ("About", "内容"),
    "networks": ("neural networks", "神经网络"),
    "beside": ("research, writing and tools", "科研、写作与工具"),
    "failed": (
        "The search could not be loaded. The lists below have everything.",
        "搜索无法加载。全部内容见下列清单。",
    ),
    "hit.method": ("Method", "方法"),
    "hit.guide": ("Guide", "指南"),
    "hit.tutorial": ("Tutorial", "教程"),
    "hit.list": ("Reading list", "阅读清单"),
    "hit.family": ("Family of methods", "方法类别"),
    "hit.topic": ("Topic", "主题"),
    "hit.page": ("Page", "页面"),
    "hit.papers": ("Paper", "论文"),
    "hit.tools": ("Tool", "工具"),
    "hit.posts": ("Post", "文章"),
    "hit.resources": ("Resource", "资源"),
    "hit.all": ("See all hits for “{query}”", "查看“{query}”的全部结果"),
    "hit.maybe": ("Did you mean “{query}”?", "是否要找“{query}”？"),
    "hit.none": ("Nothing found", "没有结果"),
    "hit.failed": ("The search could not be loaded", "搜索无法加载"),
    # The home page
    "search example": ("Search: Grad-CAM, zeiler 2014, 可视化", "搜索：Grad-CAM、zeiler 2014、可视化"),
    "search button": ("Search", "搜索"),
    "home description": (
        "Papers, tools and posts on looking inside convolutional networks: {entries} entries; {runs} of {methods} "
        "methods run here; {holds} of {claims} claims of their papers are reproduced on small networks",
        "关于卷积网络可视化与可解释性的论文、工具和文章：条目 {entries} 条；{methods} 种方法中 {runs} 种可运行；"
        "{claims} 条论文结论中 {holds} 条已在小网络上复现",
    ),
    "home.run": ("{runs} of {methods} methods run here", "{methods} 种方法中 {runs} 种可运行"),
    "home.holds": (
        "{papers} papers{between}, {tools} tools, {posts} posts and {resources} other resources in English and "
        "Chinese, and {methods} methods that they propose or explain.",
        "中英文论文 {papers} 篇{between}、工具 {tools} 个、文章 {posts} 篇、其他资源 {resources} 个，"
        "以及其中提出或介绍的方法 {methods} 种。",
    ),
    "home.years": (" from {first} to {last}", "（{first}–{last} 年）"),
    "home.newest": ("The newest entry was added on {date}.", "最新条目添加于 {date}。"),
    "home.compared": (
        "The facts of {count} of {all} entries were compared with a source.",
        "{all} 条条目中，{count} 条的信息已与来源核对。",
    ),
    "home.links": (
        "Of {count} links, {marked} are marked as dead, moved or doubtful ([list](links.md)).",
        "{count} 个链接中，{marked} 个标记为失效、已迁移或存疑（[见列表](links.md)）。",
    ),
    "seen.choose": ("What to show of the photograph", "选择显示的内容"),
    "seen.photograph": ("Photograph", "原图"),
    "seen.as it is": (
        "The photograph alone. The network's first choice is “Egyptian cat”; the methods are asked about this class.",
        "原始照片。网络预测的首位类别是“埃及猫”，各方法都针对这一类别。",
    ),
    "seen.alt": (
        "A cat's face, and over it what the chosen method finds for the class Egyptian cat",
        "一张猫脸，以及叠加在上面的、所选方法针对类别“埃及猫”的结果",
    ),
    "seen.more": ("More on {name}", "{name} 详情"),
    "seen.how": (
        "Network: EfficientNet-Lite0, trained on ImageNet. Photograph: Stefan van der Walt, CC0.",
        "网络：EfficientNet-Lite0，在 ImageNet 上训练。照片：Stefan van der Walt，CC0。",
    ),
    "verified today": ("What is reproduced", "复现情况"),
    "state.holds": ("of {all} claims reproduced on small networks", "条论文结论已在小网络上复现（共 {all} 条）"),
    "state.fails as expected": (
        "not reproduced there (reasons given)",
        "条未复现（附原因）",
    ),
    "state.fails": ("failing", "条未达到判定标准"),
    "state.reported": ("reported without a verdict", "条仅列数值，不作判定"),
    "state.stale": ("stale: the code has changed since", "条待重测：测量之后代码有改动"),
    "state.not run": ("not run yet", "条未运行"),
    "measured until": ("Last measured on {date}.", "最近一次测量：{date}。"),
    "to the ledger": ("The ledger of claims", "论文结论验证"),
    # The basket; what changes on its page is said by docs/assets/basket-page.js
    "basket": ("Basket", "文献篮"),
    "basket without javascript": (
        "The basket needs JavaScript. Without it, each entry's page has its citation to copy and to download, "
        "[the whole catalogue]({page}) is there in every format, and `sightglass cite KEY…` writes what you choose.",
        "文献篮需要 JavaScript。未启用时，每个条目的页面上有可复制和下载的引文，[整个文献库]({page})以各种格式提供，"
        "`sightglass cite KEY…` 可导出所选的引文。",
    ),
    # Drawings
    "timeline": ("Timeline", "时间线"),
    "timeline lead": (
        "Papers by year and family. Each dot is a paper and leads to its page; a filled one has a method that runs.",
        "论文按年份与方法类别排列。每个圆点是一篇论文，点击可打开其页面；实心圆点表示有可运行的方法。",
    ),
    "genealogy": ("Genealogy", "谱系"),
    "genealogy lead": (
        "What builds on what: each method stands to the right of those that it takes further. A filled box runs here.",
        "方法之间的继承关系：每种方法位于其所基于的方法右侧。实心方框表示可运行。",
    ),
    "no family": ("no family", "未归类"),
    "in words": ("In words", "文字版"),
    "taken up by": ("Taken further by", "后续工作"),
    "stand alone": ("Methods that stand alone", "独立的方法"),
    # Tutorials
    "tutorials lead": (
        "Each is a notebook: equations beside code, with something to change.",
        "每篇教程都是一个笔记本：公式与代码对照，并有可以改动之处。",
    ),
    "tutorial download": ("Download as a notebook", "下载笔记本"),
    "tutorial colab": ("Open in Colab", "在 Colab 中打开"),
    "tutorial source": ("Source", "源文件"),
    "tutorial not executed": (
        "Shown without its outputs; `sightglass tutorials {slug}` executes it.",
        "未显示输出：`sightglass tutorials {slug}` 会执行该教程。",
    ),
    "tutorial executed": ("Executed on {date} in {seconds} s.", "执行于 {date}，用时 {seconds} 秒。"),
    "tutorial stale": (
        "Executed on {date} in {seconds} s, stale: the code has changed since.",
        "执行于 {date}，用时 {seconds} 秒；此后代码有改动。",
    ),
    "tutorial output": ("Output of the cell above", "上面单元的输出"),
    # The feed
    "site description": (
        "Papers, tools and posts on looking inside convolutional networks, with code for some of the methods and "
        "measurements of what their papers claim",
        "关于卷积网络可视化与可解释性的论文、工具和文章；部分方法附有可运行的代码，并实测了论文中的结论",
    ),
    "additions": ("additions", "新增内容"),
    # The frame of every page
    "search label": ("Search the catalogue", "搜索文献库"),
    "search placeholder": ("Search / 搜索", "搜索 / Search"),
    "footer.code": ("Code: {licence}", "代码：{licence}"),
    "footer.catalogue": ("Catalogue: {licence}", "文献库：{licence}"),
    "footer.source": ("Source", "源代码"),
    "footer.cite": ("Cite this site", "引用本站"),
    "footer.changed": ("Catalogue changed on {date}", "文献库更新于 {date}"),
    "hits": ("Hits", "搜索结果"),
    "dark": ("Switch to dark mode", "切换到深色模式"),
    "light": ("Switch to light mode", "切换到浅色模式"),
    # Vocabularies of the catalogue
    "kind.conference": ("conference", "会议论文"),
    "kind.workshop": ("workshop", "研讨会论文"),
    "kind.journal": ("journal", "期刊论文"),
    "kind.preprint": ("preprint", "预印本"),
    "kind.chapter": ("chapter", "图书章节"),
    "kind.thesis": ("thesis", "学位论文"),
    "kind.report": ("report", "报告"),
    "kind.library": ("library", "软件库"),
    "kind.application": ("application", "应用"),
    "kind.demo": ("demo", "演示"),
    "kind.code": ("code", "代码"),
    "kind.blog": ("blog", "博客"),
    "kind.news": ("news", "新闻"),
    "kind.answer": ("answer", "问答"),
    "kind.advice": ("advice", "建议"),
    "kind.notebook": ("notebook", "笔记本"),
    "kind.course": ("course", "课程"),
    "kind.book": ("book", "书籍"),
    "kind.video": ("video", "视频"),
    "kind.slides": ("slides", "幻灯片"),
    "kind.list": ("list", "清单"),
    "kind.group": ("group", "团队"),
    "kind.person": ("person", "人物"),
    "kind.dataset": ("dataset", "数据集"),
    "kind.proceedings": ("proceedings", "论文集"),
    "kind.portfolio": ("portfolio", "作品集"),
    "kind.idea": ("idea", "想法"),
    "venue.conference": ("conference", "会议"),
    "venue.workshop": ("workshop", "研讨会"),
    "venue.journal": ("journal", "期刊"),
    "venue.preprint": ("preprint", "预印本"),
    "venue.publisher": ("publisher", "出版社"),
    "venue.institution": ("institution", "机构"),
    "venue.platform": ("platform", "平台"),
    "role.page": ("Page", "网页"),
    "role.paper": ("Paper", "论文"),
    "role.code": ("Code", "代码"),
    "role.demo": ("Demo", "演示"),
    "role.video": ("Video", "视频"),
    "role.slides": ("Slides", "幻灯片"),
    "role.review": ("Review", "评介"),
    "role.project": ("Project page", "项目主页"),
    "role.docs": ("Documentation", "文档"),
    "role.data": ("Data", "数据"),
    "role.archive": ("Archive", "存档"),
    "status.dead": ("dead", "失效"),
    "status.moved": ("moved", "已迁移"),
    "status.doubtful": ("doubtful", "存疑"),
    "language.en": ("English", "英文"),
    "language.zh": ("Chinese", "中文"),
    "language.ja": ("Japanese", "日文"),
    "language.de": ("German", "德文"),
    "language.fr": ("French", "法文"),
    "language.ko": ("Korean", "韩文"),
    "language.es": ("Spanish", "西班牙文"),
    "language.und": ("unknown", "语言未知"),
    "source.publisher": ("the publisher's page or file", "出版方的页面或文件"),
    "source.preprint": ("the arXiv record", "预印本记录"),
    "source.index": ("a bibliographic index", "文献索引"),
    "source.repository": ("the work's own repository", "作品自身的代码库"),
    "source.page": ("the page itself", "页面本身"),
    "source.address": ("the address of the page", "页面的网址"),
    "source.bibliography": ("somebody's bibliography", "他人的参考文献表"),
    "source.secondary": ("a text about the work", "介绍该作品的文章"),
    "field.title": ("title", "标题"),
    "field.title_zh": ("Chinese title", "中文标题"),
    "field.abbreviation": ("abbreviation", "缩写"),
    "field.authors": ("authors", "作者"),
    "field.year": ("year", "年份"),
    "field.month": ("month", "月份"),
    "field.venue": ("venue", "发表渠道"),
    "field.volume": ("volume", "卷"),
    "field.number": ("number", "期"),
    "field.pages": ("pages", "页码"),
    "field.doi": ("DOI", "DOI"),
    "field.arxiv": ("arXiv", "arXiv"),
    "field.arxiv_class": ("arXiv class", "arXiv 分类"),
    "field.isbn": ("ISBN", "ISBN"),
    # The page of links that are not fine
    "links lead": (
        "The catalogue has {count} links, and some always break. An entry's page offers an archived copy of each "
        "link; `sightglass links` checks them all.",
        "文献库中有 {count} 个网址，总有一些会失效。条目页面为每个链接提供存档；"
        "`sightglass links` 逐一检查这些网址能否访问。",
    ),
    "links asked": ("Last checked on {day}.", "上次检查：{day}。"),
    "links not asked": ("Not checked yet.", "尚未检查。"),
    "links marked": ("marked in the catalogue: {mark}", "文献库中标记为{mark}"),
    "links since": ("failing since {day}", "自 {day} 起访问失败"),
    "links.dead": ("Dead", "失效"),
    "links.dead means": (
        "The catalogue marks them as dead, or they failed on three different days.",
        "已失效：文献库如此标记，或在三个不同的日子访问失败。",
    ),
    "links.failing": ("Failing", "访问失败"),
    "links.failing means": (
        "They failed in the last check, but on fewer than three days.",
        "上次检查时访问失败，但还不到三天。",
    ),
    "links.moved": ("Moved", "已迁移"),
    "links.moved means": ("Found at another address today.", "已迁移到其他网址。"),
    "links.doubtful": ("Doubtful", "存疑"),
    "links.doubtful means": (
        "They may be gone: the catalogue marks them as doubtful, or they lead to a home page.",
        "可能已失效：文献库如此标记，或只通向网站首页。",
    ),
    "links.answers": ("Working again", "仍可访问"),
    "links.answers means": (
        "The catalogue marks them as dead or doubtful, but they answer; somebody should check.",
        "文献库标记为失效或存疑，但仍可访问，需要人工检查。",
    ),
    "links.unknown": ("Unknown", "未知"),
    "links.unknown means": (
        "The server refuses programs (403, 429, robots.txt); try a browser.",
        "服务器拒绝自动访问（403、429、robots.txt），可用浏览器打开试试。",
    ),
    # The benchmark
    "bench.title": ("Speed and memory", "速度与内存"),
    "bench.lead": (
        "No method can be faster than the forward and backward passes that it needs: its *floor*, written "
        "by hand, without gradients of the parameters. Each figure is the method's median time divided by the floor's, "
        "1.00 at best, over several rounds in which floor, method and other libraries take turns. Below it is the "
        "ratio of peak memory, not counting the loaded network. On a CPU everything runs in one thread, and CPU time "
        "is measured. Speed says nothing about the [claims](claims.md).",
        "任何方法都不可能快于其必需的前向和反向传播，即手写的、不求参数梯度的*下限*。表中数字是与下限的比值，"
        "最好为 1.00：取若干轮用时的中位数，"
        "每轮中下限、方法与其他软件库轮流运行；其下是峰值内存（不含已加载的网络）的比值。CPU 上一律单线程运行，"
        "用时为 CPU 时间。方法是否符合论文所述，"
        "见[论文结论验证](claims.md)。",
    ),
    "bench.none": (
        "Nothing has been measured yet; `make bench` does it in half an hour.",
        "尚未测量：运行 `make bench`，约半小时。",
    ),
    "bench.measured": (
        "Measured with `{command}` on {name}, {date}, in {minutes} minutes, on images of {size} by {size} pixels. "
        "Versions: {versions}.",
        "测量命令 `{command}`，设备 {name}，{date}，用时 {minutes} 分钟，图像为 {size}×{size} 像素。版本：{versions}。",
    ),
    "bench.of": ("{said} Methods measured in this run: {methods}.", "{said}本次测量的方法：{methods}。"),
    "bench.slower": (
        "Slower than another library by more than measurement noise: {rows}.",
        "慢于其他软件库，且超出测量误差：{rows}。",
    ),
    "bench.never slower": (
        "Never slower than another tested library beyond measurement noise.",
        "在测量误差范围内，均不慢于其他软件库。",
    ),
    "bench.hungrier": ("Uses more memory than another library: {rows}.", "内存多于其他软件库：{rows}。"),
    "bench.never hungrier": ("Never uses more memory than another tested library.", "内存均不多于其他软件库。"),
    "bench.row": ("{method} (`{model}`, {count} at once)", "{method}（`{model}`，每次 {count} 张）"),
    "bench.then": ("; ", "；"),
    "bench.why.its relevance does not sum to the output there": (
        "its relevance does not sum to the output there",
        "相关性之和不等于输出",
    ),
    "bench.why.explains only the first image of a batch": (
        "explains only the first image of a batch",
        "只解释一个批次中的第一张图像",
    ),
    "bench.left out": ("Left out:", "未测量："),
    "bench.method": ("Method", "方法"),
    "bench.batch": ("Images at once", "每次图像数"),
    "bench.rounds": ("Rounds", "轮数"),
    "bench.floor": ("Floor", "下限"),
    "bench.memory": ("memory {ratio}", "内存 {ratio}"),
    # Which method?
    "choose.lead": (
        "These methods show which parts of an image matter to a network. Answer what you know: the table shows only "
        "the methods that fit.",
        "这些方法显示图像的哪些部分对网络重要。回答已知的问题，表中只保留适用的方法。",
    ),
    "choose.network": ("My network", "我的网络"),
    "choose.network.all": ("any of these", "不限"),
    "choose.network.pooled": (
        "average pooling, then one linear layer: ResNet, DenseNet",
        "平均池化加一个线性层：ResNet、DenseNet",
    ),
    "choose.network.chain": (
        "one chain of convolutions and ReLUs: VGG, AlexNet",
        "卷积与 ReLU 串成一条链：VGG、AlexNet",
    ),
    "choose.network.other": ("convolutions with GELU, SiLU or attention", "卷积加 GELU、SiLU 或注意力"),
    "choose.network.scores": ("I have only its scores", "只能得到得分"),
    "choose.about": ("I ask about", "我想了解"),
    "choose.about.all": ("either", "不限"),
    "choose.about.class": ("a class", "某个类别"),
    "choose.about.unit": ("a unit inside", "网络内部的某个单元"),
    "choose.fine": ("I want to see", "我想看到"),
    "choose.fine.all": ("either", "不限"),
    "choose.fine.regions": ("regions", "区域"),
    "choose.fine.pixels": ("pixels", "像素"),
    "choose.shows": ("Shows", "显示"),
    "choose.speed": ("ResNet-50, one image, one CPU thread", "ResNet-50，一张图像，单线程 CPU"),
    "choose.class": ("Tells classes apart", "区分类别"),
    "choose.randomised": ("Randomisation check", "参数随机化检验"),
    "choose.faithful": ("Faithfulness", "忠实度"),
    "choose.localises": ("Localisation", "定位"),
    "choose.right-of-two": ("of the maps lie on the correct one of two objects", "的热力图落在两个物体中正确的一个上"),
    "choose.occlusion": ("correlation with occlusion", "与遮挡实验的相关系数"),
    "choose.blurred-aopc": ("fall of the probability as regions are blurred (AOPC)", "模糊区域后概率的下降（AOPC）"),
    "choose.boxes": ("localisation accuracy", "定位准确率"),
    "choose.pointing": ("pointing game", "指向游戏"),
    "choose.energy": ("of the map on the object", "的热力图落在物体上"),
    "choose.auc": ("area under the ROC curve", "ROC 曲线下面积"),
    "choose.found": ("of the objects found, in images with several", "的同类物体被找到"),
    "choose.gradient": ("plain gradient {value}", "原始梯度 {value}"),
    "choose.reading": ("How to read the numbers", "如何解读这些数字"),
    "choose.reading class": (
        "**Tells classes apart:** chance is a half. A method that is barely above it shows what the network sees, not "
        "why it chose this class.",
        "**区分类别：**随机水平为一半。略高于一半的方法只显示网络看到了什么，不能说明它为何选择这一类别。",
    ),
    "choose.reading randomised": (
        "**Randomisation check:** rank correlation of the map before and after the upper layers' weights are "
        "randomised. The lower, the more the map depends on what the network has learned.",
        "**参数随机化检验：**高层权重随机化前后热力图的秩相关系数。越低，说明热力图越取决于网络学到的内容。",
    ),
    "choose.reading faithful": (
        "**Faithfulness:** higher is better, but the two measures are not comparable with each other, and how a region "
        "is covered can change the order of methods.",
        "**忠实度：**越高越好。但两种指标不能相互比较，遮盖区域的方式也会改变各方法的排序。",
    ),
    "choose.reading localises": (
        "**Localisation:** a map on the object need not say what the network used: in these scenes edges alone find "
        "the object quite well.",
        "**定位：**热力图落在物体上，不代表它说明了网络的依据：在这些场景图像上，仅凭边缘就能较好地找到物体。",
    ),
    "choose.reading networks": (
        "Measured on small networks and [images with known truth](laboratory.md), not on ImageNet, and not all on the "
        "same network: compare a number with the gradient's beside it rather than with another row's.",
        "以上数值在小网络和[真值已知的合成图像](laboratory.md)上测得，而非 ImageNet，所用网络也不尽相同："
        "应与旁边原始梯度的数值比较，而不是与其他行比较。",
    ),
    "choose.reading gaps": (
        "A dash means that nobody has measured it here yet, not that the method fails. Each number is part of the "
        "[claims](claims.md); the [benchmark](benchmark.md) has more on speed.",
        "短横表示尚未测量，不表示方法不好。各数值见[论文结论验证](claims.md)，速度详见[速度与内存](benchmark.md)。",
    ),
    # The laboratory
    "lab.title": ("The laboratory", "实验环境"),
    "lab.lead": (
        "[Claims](claims.md) are measured on images about which everything is known, and on networks that are small "
        "enough to be trained in minutes, and are trained: nothing has to be downloaded.",
        "[论文结论](claims.md)的验证使用真值已知的合成图像和几分钟即可训练完的小网络；网络已训练好，无须下载。",
    ),
    "lab.scenes": ("Scenes and digits", "场景图像与数字图像"),
    "lab.picture": (
        "Rows from the top: a scene of each of five classes; what is known of them, objects red, distractors blue; "
        "five more classes; two classes in one scene; colours tied to the class; digits of MNIST",
        "自上而下各行：五个类别的场景图像；每张场景图像的已知真值，该类物体为红色，干扰物为蓝色；"
        "另五个类别的场景图像；含两个类别的场景图像；颜色与类别绑定的场景图像；MNIST 手写数字",
    ),
    "lab.picture made": (
        "From the top: a scene of each of five classes; what is known of them, objects of the class red and boxed, "
        "distractors blue; five more classes; two classes in one scene; colours tied to the class; digits of MNIST "
        "(Y. LeCun, C. Cortes; CC BY-SA 3.0). Drawn by `python -m repro.lab.samples`.",
        "自上而下：五个类别的场景图像；每张场景图像的已知真值，该类物体为红色并加框，干扰物为蓝色；"
        "另五个类别；含两个类别的场景图像；颜色与类别绑定；MNIST 手写数字（Y. LeCun、C. Cortes，CC BY-SA 3.0）。"
        "绘制命令 `python -m repro.lab.samples`。",
    ),
    "lab.networks": ("Networks", "网络"),
    "lab.networks lead": (
        "Each was trained once for each seed. Accuracy is that on images held out from training: the mean over seeds, "
        "and how far from it the furthest lies.",
        "每个网络用每个随机种子各训练一次。准确率在留出集（未参与训练的图像）上测得：各随机种子的均值，"
        "以及与均值的最大偏差。",
    ),
    "lab.network": ("Network", "网络"),
    "lab.what": ("What it is", "结构"),
    "lab.accuracy": ("Accuracy", "准确率"),
    "lab.parameters": ("Parameters", "参数量"),
    "lab.training": ("Training", "训练"),
    "lab.size": ("Weights on disk", "权重文件"),
    "lab.seeds": ("seeds {seeds}", "随机种子 {seeds}"),
    "lab.recipe": ("{images} images, {epochs} times", "{images} 张图像，{epochs} 轮"),
    "lab.seconds": ("{seconds} s", "{seconds} 秒"),
    "lab.trained": (
        "{count} sets of weights, trained between {first} and {last} with {versions}.",
        "共 {count} 份权重，训练于 {first} 至 {last}，使用 {versions}。",
    ),
    "where": ("You are here", "当前位置"),
    "neighbours": ("Previous and next page", "上一页和下一页"),
    "previous": ("Previous", "上一页"),
    "next": ("Next", "下一页"),
    # The navigation: the English titles stand in mkdocs.yml
    "nav.Home": ("Home", "首页"),
    "nav.Browse": ("Browse", "浏览"),
    "nav.Everything": ("Everything", "全部"),
    "nav.Papers": ("Papers", "论文"),
    "nav.Tools": ("Tools", "工具"),
    "nav.Posts": ("Posts", "文章"),
    "nav.Resources": ("Resources", "资源"),
    "nav.Families": ("Families", "方法类别"),
    "nav.Venues": ("Venues", "发表渠道"),
    "nav.Years": ("Years", "年份"),
    "nav.People": ("People", "人物"),
    "nav.Timeline": ("Timeline", "时间线"),
    "nav.Methods": ("Methods", "方法"),
    "nav.Gallery": ("Gallery", "图库"),
    "nav.Which method?": ("Which method?", "选择方法"),
    "nav.Genealogy": ("Genealogy", "谱系"),
    "nav.Tutorials": ("Tutorials", "教程"),
    "nav.Laboratory": ("Laboratory", "实验环境"),
    "nav.Benchmark": ("Benchmark", "速度与内存"),
    "nav.Claims": ("Claims", "论文结论"),
    "nav.Reading lists": ("Reading lists", "阅读清单"),
    "nav.Basket": ("Basket", "文献篮"),
    "nav.About": ("About", "关于"),
    "nav.Use it": ("Use it", "使用"),
    "nav.Cite": ("Cite", "引用"),
    "nav.Contribute": ("Contribute", "参与贡献"),
    "nav.Data": ("Data", "数据"),
    "nav.Links": ("Links", "链接状况"),
    "nav.Founding notes": ("Founding notes", "原始笔记"),
    "nav.Architecture": ("Architecture", "架构"),
}


def phrase(language: str, key: str, **values: object) -> str:
    """The phrase ``key`` in ``language`` with its ``{names}`` filled in; KeyError for one that is not in the table."""
    english, chinese = PHRASES[key]
    found = chinese if language == "zh" else english
    return found.format(**values) if values else found


def day(language: str, value: str) -> str:
    """A date as it is read: ``2026-03-05`` becomes '5 March 2026' or '2026 年 3 月 5 日'; all else stays."""
    try:
        written = date.fromisoformat(value[:10])
    except ValueError:
        return value
    if language == "zh":
        return format_date(written, "y 年 M 月 d 日", locale="zh_Hans")
    return format_date(written, "d MMMM y", locale="en")


_ABBREVIATIONS = (
    (r"\bSecs?\. (\d[\d.]*)", r"第 \1 节"),
    (r"\bEqs?\. \(([\w.]+)\)", r"式（\1）"),
    (r"\bFigs?\. (\d)", r"图 \1"),
    (r"\bTable (\d)", r"表 \1"),
    (r", ", "，"),
    (r"; ", "；"),
    (r" and ", "和"),
)


def abbreviated(place: str) -> str:
    """A place in a paper as Chinese writes it: 'Sec. 3, Fig. 1' becomes '第 3 节，图 1'; names of sections stay."""
    for written, chinese in _ABBREVIATIONS:
        place = re.sub(written, chinese, place)
    return place
