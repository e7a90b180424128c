# %% [markdown]
# # 对抗样本：逐步讲解
#
# 肉眼看不见的微小扰动，就能使图像被归入另一个类别（Szegedy 等，“Intriguing properties of neural networks”，
# ICLR 2014）。找到这样的扰动只需一次梯度（Goodfellow、Shlens 与 Szegedy，
# “Explaining and Harnessing Adversarial Examples”，ICLR 2015）。本页手算这两种扰动，并讨论它们有多特殊：
# 同样幅度的噪声是否同样有害？问题在于网络，还是在于梯度？

# %% [markdown]
# ## 走一步
#
# ```text
# η = ε sign(∇_x J(θ, x, y))                        (Goodfellow 等，第 4 节)
# ```
#
# `J` 是真实类别 *y* 的交叉熵。在每个像素的改动不超过 ε 的所有扰动中，如果网络是线性的，
# 这一扰动使 `J` 升高最多：每个像素都向不利的方向走到极限。
# `EPSILON` 以图像数值为单位：8/255 是八个灰度级。

# %% [markdown]
# 梯度并不为零。当网络的置信度很高时，真实类别的概率舍入为 1，它在梯度中的部分就丢失了：
# 即使上面用的是 float64 也是如此，float32 更早出现。`fgsm` 改用 `log Σ_{k≠y} exp z_k - z_y` 的梯度。
# `J` 随之升高，所以符号相同，而且不会因舍入而丢失。
#
# 用同样幅度的随机符号扰动作对照：

# %% [markdown]
# ## 网络有多接近线性？
#
# Goodfellow 等用线性来解释：沿 η 方向，logit 几乎是直线，维数很高时，许多微小的改动会累加起来。
# 下面是一张场景图像的十个 logit 沿 η 方向和沿随机符号方向的变化。

# %% [markdown]
# ## 最小的扰动
#
# ```text
# 最小化 c |r| + loss_f(x + r, l)  使得  x + r 在 [0, 1]^m 内         (Szegedy 等，第 4.1 节)
# ```
#
# 类别 *l* 由我们指定。*c* 越大，*r* 越小：要找的是极小点仍被识别为类别 *l* 的最大的 *c*。
# `adversarial_examples` 对整个批次同时搜索。

# %% [markdown]
# ## 能否骗过另一个网络？
#
# 把同样的图像交给结构相同、但用其他场景图像训练的网络，以及结构不同的网络：

# %% [markdown]
# **试一试：** 换扰动幅度（`EPSILON`），换一张场景图像（`WHICH`），或使用自己的图像和对输入做归一化的网络：
# 把归一化放进模型，即 `torch.nn.Sequential(normalisation, model)`，这样才会在真正的黑与白处截断。
