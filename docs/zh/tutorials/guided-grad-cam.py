# %% [markdown]
# # Guided Grad-CAM：既清晰，又指明类别所在
#
# Grad-CAM 能区分类别，但很粗糙；导向反向传播很清晰，但几乎不区分类别。
# Guided Grad-CAM（Selvaraju 等，ICCV 2017，第 3.2 节）把两者相乘。
# 本页手算这一乘积，测量它从两个因子中各得到什么，并用别的东西替换其中一个因子。

# %% [markdown]
# ## 乘积
#
# ```text
# Guided Grad-CAM = upsample(L^c) * R^0                             (第 3.2 节)
# ```
#
# `L^c` 是 Grad-CAM 的热力图（式 2），没有负值，位于最后一个卷积层的网格上。`R^0` 是导向反向传播在像素上的结果。
# 双线性插值把前者放大到后者的尺寸。

# %% [markdown]
# 对图像中的每个类别，从左到右：Grad-CAM 指出在哪里，导向反向传播给出细节，乘积两者兼有。

# %% [markdown]
# ## 各来自哪个因子
#
# 在 100 张含两类物体的场景图像上，对两个类别分别计算，每种归因图给出两个数。“Right of two”：
# 归因图更多地落在本类物体而非另一类物体上的频率，随机水平为一半。*Fine*：波长过短、
# Grad-CAM 的网格（这里是 16×16）无法表示的成分所占的能量比例。

# %% [markdown]
# ## 用别的东西替换一个因子
#
# 细节有多少来自网络？这里用 Sobel 滤波器代替导向反向传播：它只找轮廓，与任何网络无关；
# 然后再把网络头部随机化，分别用于两个因子。

# %% [markdown]
# 选出物体的是 Grad-CAM：它所用的网络头部随机化后，选择受影响最大。用 Grad-CAM 热力图截取的 Sobel 轮廓，
# 在选择上不逊于导向反向传播，也同样精细。因此，Guided Grad-CAM 的图应当这样理解：
# *在哪里*来自类别；*画出什么*来自图像，而轮廓无论是否影响决策，看上去都令人信服。
#
# **试一试：** 换一张场景图像（`WHICH`）；换更靠前的层，热力图同样粗糙，与类别的关系更弱：
# `METHODS["early"] = lambda m, i, c: guided_grad_cam(m, i, c, m.get_submodule("features.3"))`，
# 然后运行 `report(METHODS)`；
# 或使用自己的图像：
#
# ```sh
# sightglass run guided-grad-cam --image photo.jpg --out guided-grad-cam.png --model vgg16 --weights DEFAULT
# ```
