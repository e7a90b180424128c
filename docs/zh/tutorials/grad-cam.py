# %% [markdown]
# # Grad-CAM：逐步讲解
#
# CAM 读取全局平均池化之后的线性层的权重，而大多数网络没有这样的层。
# Grad-CAM（Selvaraju 等，“Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization”，
# ICCV 2017）改用梯度得到权重，因此适用于任何网络、任何层。
# 本页手算 Grad-CAM，说明在 CAM 适用的网络上 Grad-CAM *就是* CAM，
# 并讨论它显示了哪些更清晰的图所没有的信息。

# %% [markdown]
# 这个网络有两个全连接层，对各个位置分别加权：CAM 找不到每张特征图的单一权重。
# 下面是网络没有见过的一张场景图像，含两类物体。

# %% [markdown]
# ## 公式 (1)：一张特征图有多重要
#
# ```text
# α_k^c = 1/Z Σ_ij ∂y^c / ∂A_ij^k                                  (1)
# ```
#
# `A` 是最后一个卷积层的特征图，`y^c` 是类别 *c* 在 softmax 之前的得分。
# 特征图的值升高时，得分平均升高多少，该特征图就有多重要。

# %% [markdown]
# ## 公式 (2)：在哪里
#
# ```text
# L^c = ReLU(Σ_k α_k^c A^k)                                        (2)
# ```
#
# ReLU 保留支持该类别的证据。被截去的部分并没有丢失：对梯度取负（第 3.3 节），
# 同样的两个公式就显示*反对*该类别的证据。在这张图像上，反对的证据就是另一个物体。

# %% [markdown]
# ## 在 CAM 适用的网络上，Grad-CAM 就是 CAM
#
# 采用全局平均池化时，logit 的梯度在特征图的所有位置都相同：等于线性层的权重除以位置数（第 3.1 节）。
# 因此 Grad-CAM 的热力图就是 CAM 的热力图去掉负值，再除以 256：

# %% [markdown]
# ## 任意一层，包括后接原地 ReLU 的卷积层
#
# 靠前的层热力图更精细，但与类别的关系更弱。`target_layer` 用来指定层；
# 不指定时，Grad-CAM 取最后一个池化层的输入。卷积层后接原地（in-place）ReLU 也没有问题：
# 模型得到的是副本，所以特征图仍是卷积层的输出。

# %% [markdown]
# ## 更清晰的图，解释了什么
#
# 导向反向传播一直回传到像素，在每个 ReLU 处只让正值通过，得到的图很清晰。
# Guided Grad-CAM（第 3.2 节）把它与放大到图像尺寸的 Grad-CAM 热力图相乘。

# %% [markdown]
# 但图中有多少来自网络学到的东西？把网络头部两层的权重随机打乱。
# 如果解释的是网络学到的东西，归因图就应当随之改变。
# 下面是打乱前后的相似程度，即 100 张场景图像上的秩相关系数：

# %% [markdown]
# 对一个已不认识任何类别的网络，导向反向传播给出的图几乎不变。它显示的是卷积层所见的边缘；
# 在 Guided Grad-CAM 中，只有边缘显示*在哪里*与类别有关。
#
# **试一试：** 换一张场景图像（`WHICH`），每次只随机化头部的一层，或使用自己的图像：
#
# ```sh
# sightglass run grad-cam --image photo.jpg --out grad-cam.png --model vgg16 --weights DEFAULT
# ```
