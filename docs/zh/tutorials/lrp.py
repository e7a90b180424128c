# %% [markdown]
# # 逐层相关性传播（LRP）：逐步讲解
#
# 网络以 9 的得分预测“星形”。这个 9 来自哪些像素？逐层相关性传播（Bach 等，
# “On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation”，
# PLOS ONE 2015）像分钱一样把得分逐层向下分配：每个单元按各输入的贡献比例，把收到的相关性分给这些输入。
# 各像素分得的相关性之和等于得分。本页先手算一层，再计算整个网络，然后看还有什么会吸收相关性。

# %% [markdown]
# ## 手算一层
#
# 三个输入，两个单元。`z_ij = x_i w_ij` 是输入 *i* 对单元 *j* 的贡献，`z_j` 是贡献之和。
# 式 (56) 按比例分配相关性 `R_j`：
#
# ```text
# R_i = Σ_j  z_ij / z_j  R_j                                        (56)
# ```

# %% [markdown]
# 总和仍是 5。但符号相反的贡献在 `z_j` 中相互抵消，除以很小的 `z_j` 会得到很大的正、负相关性。
# 各种规则的处理方式不同：epsilon 规则 (58) 增大分母，吸收微弱或相互矛盾的证据；
# alpha-beta 规则 (60) 把正、负贡献分别归一化；z+ 规则只用正贡献。
# 这些规则在 `repro/engine/relevance_rules.py` 中，每条都标有公式编号。

# %% [markdown]
# ## 整个网络：每一层的总和不变
#
# 在没有偏置的网络中，没有其他部分吸收相关性：ReLU 原样传递，最大池化把全部相关性交给最大的输入。
# `lrp_at` 返回各层输出的相关性：

# %% [markdown]
# LRP-0 还有一个广为人知的名称：没有偏置时，它等于梯度乘输入。
# （网络先对图像做平移和缩放，这里的“输入”指平移和缩放后的结果。）

# %% [markdown]
# ## 有偏置的网络：其余的去了哪里？
#
# 偏置也对 `z_j` 有贡献，偏置分得的相关性就丢失了。
# 下面是十张场景图像的 logit 中到达像素的比例；所用网络训练时带批归一化，因此偏置较大：

# %% [markdown]
# ## 组合规则：每种层用一条规则
#
# 组合规则是由层到规则的函数。请改动下面这一个：`layer.kind` 是 "convolution" 或 "linear"，
# `layer.position` 是该层在全部 `layer.count` 层中的位置，`layer.first` 表示该层的输入是图像。
# 也可以自己写规则：由层和输出的相关性得到输入的相关性的函数。

# %% [markdown]
# ## 它是否显示了网络的依据？
#
# 像素翻转（Samek 等，2017）按热力图从高到低逐区域遮挡图像，测量概率下降得多快。
# 用*什么*来遮挡与热力图本身同样重要：模糊的图像仍是图像，而网络从未见过噪声。

# %% [markdown]
# **试一试：** 换一张场景图像（`WHICH`），写自己的组合规则（`mine`），
# 或在 ResNet 上使用自己的图像，这时相关性也会经过跳跃连接：
#
# ```sh
# sightglass run lrp --image photo.jpg --out lrp.png --model resnet50 --weights DEFAULT
# ```
