# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # StyleGAN2-ADA: new images like those of a small data set
#
# The first lesson's generator drew digits out of noise, and nobody could say which digit would come. In this lesson you
# get to know the generator that most people mean when they say GAN: one that is told *at every size* what to draw, from
# the whole shape down to the last speck. And you learn how it is trained where images are few.
#
# 1. why style
# 2. a layer of the generator, by hand
# 3. up-sampling, by hand
# 4. the discriminator
# 5. the losses, by hand
# 6. why the discriminator overfits
# 7. what ADA does
# 8. the whole training
# 9. the curves
# 10. the digits as they form
# 11. truncation
# 12. mixing styles, and a walk through them
# 13. what goes wrong
# 14. your own pictures
# 15. exercises
#
# The model is that of Karras and others: StyleGAN ([2019](https://arxiv.org/abs/1812.04948)), StyleGAN2
# ([2020](https://arxiv.org/abs/1912.04958)) and its adaptive discriminator augmentation
# ([2020](https://arxiv.org/abs/2006.06676)). You need the first lesson.

# %% [markdown]
# ## Before we start
#
# As before, the environment variable `MINDGAN_TUTORIAL_SIZE` says how much is trained:
#
# | size | networks | trained on | on two CPU cores |
# |---|---|---|---|
# | `smoke` | tiny | next to nothing | two minutes, most of them for compiling; nothing is learned |
# | `short` | small | a quarter of `full` | some five minutes; blots, and strokes at best |
# | `full` (the default) | small | what the preset `digits` says | a quarter of an hour; what the lesson is about |
#
# The data come with mindgan. **You can stop a training and run its cell again; it goes on where it stopped.**

# %%
import os

import mindgan
from mindgan.stylegan2.presets import PRESETS

TINY = {"batch_size": 8, "channel_base": 128, "channel_max": 8, "z_dim": 8, "w_dim": 8, "map_depth": 1}
SIZES = {  # of the training; and of the two games of section 6 and 7, channels and steps
    "smoke": ({**TINY, "total_kimg": 0.128, "kimg_per_tick": 0.064, "snap": 1, "generate_num": 1, "grid": 4}, 8, 40),
    "short": ({"total_kimg": PRESETS["digits"]["total_kimg"] / 4}, 32, 400),
    "full": ({}, 32, 800),
}
SIZE = os.environ.get("MINDGAN_TUTORIAL_SIZE", "full")
settings, channels, few_steps = SIZES[SIZE]
suffix = "_smoke" if SIZE == "smoke" else ""  # other networks, so other runs
device = mindgan.configure(mode="pynative")
print(f"size {SIZE}, computing on {device}")

# %%
import matplotlib.pyplot as plt
import mindspore as ms
import numpy as np
from IPython.display import Image
from mindspore import Tensor

from mindgan.render.grids import image_grid, to_uint8
from mindgan.runtime import randomness

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})
random = randomness.generator(0, "the third lesson")


def tensor(array):
    return Tensor(np.ascontiguousarray(array, dtype=np.float32))


def pixel_axes(sheet):
    """Axes of a figure in which each pixel of a sheet is one of the screen's."""
    height, width = sheet.shape[:2]
    figure = plt.figure(figsize=(width / 100, height / 100))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    return axes


def show(images, title, columns=10, scale=2):
    """Shows uint8 images [N, C, H, W] as a grid."""
    pixel_axes(image_grid(images, columns=columns, scale=scale)).set_title(title, fontsize=10)
    plt.show()


# %% [markdown]
# ## 1. Why style
#
# An ordinary generator gets its latent $z$ at the door: it goes into the first layer, and all that follows has to make
# do with what the layers before let through. StyleGAN turns that round. The first layer gets *nothing*: it starts from
# a constant, the same learned 4 by 4 pixels for every image. What is to be drawn comes in from the side, into every
# layer anew:
#
# * The **mapping network** turns $z$ into $w$, the *style*: a few fully connected layers, nothing else.
# * The **synthesis network** grows the constant, 4, 8, 16, ... pixels. Each of its layers reads $w$ and scales its
#   feature maps by it.
#
# What is gained?
#
# * **Sizes come apart.** The layers of 4 and 8 pixels decide on the large shape, those of 32 on strokes and specks. As
#   each reads $w$ for itself, you may give them different ones (section 12).
# * **$w$ may be what it likes.** $z$ has to be normal, a round cloud. But real images leave holes in such a cloud:
#   perhaps no thin digit leans to the left. A generator that is fed $z$ itself has to bend its inside until no latent
#   falls into a hole. Here the mapping does the bending, and what is one property of the image can be one direction
#   of $w$.
#
# ### z to w, by hand
#
# $z$ is brought to mean square 1. Then come layers $\varphi(Wx + b)$ with the leaky ReLU of the first lesson, times
# $\sqrt 2$ so that activations keep their size:
#
# $$\varphi(x) = \sqrt 2 \, \max(x, 0.2\,x)$$
#
# One oddity, the *equalised learning rate*: weights are kept as standard normal numbers and are divided by
# $\sqrt{\text{inputs}}$ *as they are used*. Adam moves every number by about the same amount, so all layers learn at
# the same relative pace. The mapping's layers have another factor 0.01, which makes them learn a hundred times more
# slowly: what all layers depend on should move with care.

# %%
from mindgan.layers.torch_layout import to_torch
from mindgan.stylegan2.networks import Generator, for_all_layers
from mindgan.stylegan2.shape import Shape

ms.set_seed(0)
shape = Shape(height=16, width=16, z_dim=16, w_dim=16, map_depth=2, channel_base=256, channel_max=16)
generator = Generator(shape)
for parameter in generator.trainable_params():  # away from zero biases, as if it had been trained
    parameter.set_data(parameter + tensor(0.1 * random.standard_normal(parameter.shape)))
weights = {name: array.astype(np.float64) for name, array in to_torch(generator).items()}


def activated(x):
    return np.sqrt(2) * np.maximum(x, 0.2 * x)


def mapping_by_hand(z):
    """z [N, Z] to w [N, D]."""
    x = z / np.sqrt((z**2).mean(axis=1, keepdims=True) + 1e-8)
    for index in range(shape.map_depth):
        weight, bias = weights[f"mapping.fc{index}.weight"], weights[f"mapping.fc{index}.bias"]
        x = activated(x @ (0.01 * weight / np.sqrt(weight.shape[1])).T + 0.01 * bias)
    return x


z = random.standard_normal((4, shape.z_dim)).astype(np.float32)
w = mapping_by_hand(z)
mapping_difference = float(np.abs(generator.mapping(Tensor(z), Tensor(z)).asnumpy() - w).max())
print("z", z.shape, "-> w", w.shape, f"  largest difference to the package's mapping: {mapping_difference:.1e}")
print(f"the synthesis network of {shape.height} pixels takes {shape.num_ws} styles w")
assert mapping_difference < 1e-4

# %% [markdown]
# ## 2. A layer of the generator, by hand
#
# A layer is a 3x3 convolution whose weights depend on the image that is being drawn:
#
# 1. **Style.** A fully connected layer turns $w$ into a number $s_i$ for every input channel $i$.
# 2. **Modulate.** $w'_{oikl} = s_i \, w_{oikl}$: channels with a large $s_i$ count for more in this image.
# 3. **Demodulate.** $w''_{oikl} = w'_{oikl} \,/\, \sqrt{\sum_{ikl} {w'_{oikl}}^2 + 10^{-8}}$: every output channel
#    comes out with about the size that went in, so that a style cannot turn up the volume of all that follows.
# 4. **Convolve**, add **noise** (one random number a pixel, times one learned strength for the layer), add the bias,
#    activate.
#
# The first StyleGAN normalised the *feature maps*, as the second lesson's instance norm does. The generator found a way
# to smuggle sizes past that, and its images had blobs like drops of water. Demodulation only does what normalisation
# would do *on average*, and the blobs were gone.
#
# In NumPy, with a weight of its own for each image:


# %%
def layer_by_hand(x, w, noise, layer, demodulates=True):
    """x [N, C, H, W], w [N, D] and noise [N, H, W] to [N, O, H, W]."""
    styles = w @ layer["affine.weight"].T / np.sqrt(w.shape[1]) + layer["affine.bias"]  # [N, C]
    weight = layer["weight"][None] * styles[:, None, :, None, None]  # [N, O, C, 3, 3]
    if demodulates:
        weight = weight / np.sqrt((weight**2).sum(axis=(2, 3, 4), keepdims=True) + 1e-8)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    y = np.einsum("nchwij,nocij->nohw", patches, weight)
    y = y + layer["noise_strength"] * noise[:, None]
    return activated(y + layer["bias"][:, None, None])


PREFIX = "synthesis.b16.conv1."
layer = {name.removeprefix(PREFIX): array for name, array in weights.items() if name.startswith(PREFIX)}
x, noise = random.standard_normal((4, 16, 16, 16)), random.standard_normal((4, 16, 16))
by_hand = layer_by_hand(x, w, noise, layer)

divided = w / np.sqrt(w.shape[1])  # the package divides by the root of D once, for all layers
packaged = generator.synthesis.b16.conv1(tensor(x.transpose(0, 2, 3, 1)), tensor(divided), tensor(noise.reshape(4, -1)))
layer_difference = float(np.abs(packaged.asnumpy().transpose(0, 3, 1, 2) - by_hand).max())
print("x", x.shape, "-> y", by_hand.shape, f"  largest difference to ModulatedConvolution: {layer_difference:.1e}")
assert layer_difference < 1e-3

# %% [markdown]
# The package computes the same and goes about it differently: it scales the *feature maps*, by $s_i$ before an ordinary
# convolution and by the demodulation after it, so that all images of a batch share one weight. As scaling an input
# channel and scaling its weights come to the same thing, so do both ways.
#
# What does demodulation do? We turn up the styles and look at the size of what comes out:

# %%
print("styles times  without demodulation  with it")
for factor in (0.25, 1, 4):
    louder = {**layer, "affine.weight": factor * layer["affine.weight"], "affine.bias": factor * layer["affine.bias"]}
    sizes = [layer_by_hand(x, w, 0 * noise, louder, demodulates).std() for demodulates in (False, True)]
    print(f"{factor:>12}  {sizes[0]:>20.2f}  {sizes[1]:>7.2f}")

# %% [markdown]
# ### What the noise is for
#
# Some things in a picture are chance: how a hair lies, where the paper has a grain. Without the noise, the generator
# would have to invent random numbers out of $w$. With it, $w$ is free for what matters. The strengths start at zero;
# each layer learns how much it wants.

# %% [markdown]
# ## 3. Up-sampling, by hand
#
# On its way the image grows from 4 pixels to the full size, doubling each time. The simplest doubling, every pixel four
# times, makes steps, and the steps are seen in the end. The right way is that of sound engineers: put zeros in between,
# and smooth by a small filter, here $\tfrac18 (1, 3, 3, 1)$ along each axis. Both halves in NumPy, on a digit:

# %%
from mindgan.data.mnist import embedded_digits
from mindgan.stylegan2.ops import Resample


def upsampled_by_hand(image):
    """[H, W] to [2 H, 2 W]."""
    height, width = image.shape
    zeros_between = np.zeros((2 * height, 2 * width))
    zeros_between[::2, ::2] = image
    taps = 2 * np.array([1, 3, 3, 1]) / 8  # twice, as every other pixel is a zero
    patches = np.lib.stride_tricks.sliding_window_view(np.pad(zeros_between, ((2, 1), (2, 1))), (4, 4))
    return zeros_between, np.einsum("hwij,i,j->hw", patches, taps, taps)


digit = embedded_digits().images[3, 0, 2:26:2, 2:26:2] / 127.5 - 1
zeros_between, smooth = upsampled_by_hand(digit)
resample = Resample(digit.shape, up=2, padding=(2, 1, 2, 1), gain=4.0)
fir_difference = float(np.abs(resample(tensor(digit[None, :, :, None])).asnumpy()[0, :, :, 0] - smooth).max())

figure, panels = plt.subplots(1, 4, figsize=(8.5, 2.4), layout="constrained")
titles = ("12 pixels", "every pixel four times", "zeros in between", "and the filter")
for panel, title, image in zip(
    panels, titles, (digit, digit.repeat(2, 0).repeat(2, 1), zeros_between, smooth), strict=True
):
    panel.imshow(image, cmap="gray", vmin=-1, vmax=1)
    panel.set_title(title, fontsize=10)
    panel.axis("off")
plt.show()
print("a row [0, 4, 0] becomes", upsampled_by_hand(np.array([[0.0] * 3, [0, 4, 0], [0] * 3]))[1][2].round(2).tolist())
print(f"largest difference to Resample: {fir_difference:.1e}")
assert fir_difference < 1e-4

# %% [markdown]
# A new pixel is 3/4 of the nearest old one and 1/4 of the next, along each axis. The package keeps such a filter as one
# constant matrix, and resampling is a product with it; so are its gradients, and the gradients of these, which the next
# section but one is going to need. Layers that double the size convolve and then filter; those of the discriminator,
# which halve it, filter and then convolve.
#
# At each size an image is made of the feature maps, too, and the image of the size before is up-sampled and added to
# it. The final image is a sum of sketches, from coarse to fine. From a network that has learned nothing:

# %%
latents = tensor(random.standard_normal((8, shape.z_dim)))
noise_rows = tensor(random.standard_normal((8, shape.num_noise)))
untrained = to_uint8(generator(latents, latents, noise_rows).asnumpy())
show(untrained, "eight images of an untrained generator, 16 pixels", columns=8, scale=3)

# %% [markdown]
# ## 4. The discriminator
#
# It goes the other way, 32, 16, 8, 4 pixels: blocks of two convolutions with a shortcut around them, then two fully
# connected layers, and one number: above 0 for real, below 0 for fake. There is no sigmoid at the end; the loss has it.
#
# One thing in it is new. A generator that draws one perfect 7 again and again could fool a judge who sees each image
# alone. So this one is shown how much the images of a group *differ*: before the last convolution, the **minibatch
# standard deviation** adds a channel with one number, the standard deviation over the group, averaged over all features
# and pixels.

# %%
from mindgan.stylegan2.networks import MinibatchStd


def group_deviation(x, group):
    """x [N, C, H, W] to the number of each image; group i has the images i, i + N / group, ..."""
    groups = x.reshape(group, len(x) // group, -1)
    deviations = np.sqrt(groups.var(axis=0) + 1e-8).mean(axis=1)
    return np.tile(deviations, group)


features = random.standard_normal((8, 16, 4, 4))
features[2::4] = features[2]  # images 2 and 6 are alike, and of one group
deviations = group_deviation(features, group=2)
added = MinibatchStd(2)(tensor(features.transpose(0, 2, 3, 1))).asnumpy()[:, 0, 0, -1]
mbstd_difference = float(np.abs(added - deviations).max())
print("the number that each image gets:", deviations.round(2).tolist())
print(f"largest difference to MinibatchStd: {mbstd_difference:.1e}")
assert mbstd_difference < 1e-4

# %% [markdown]
# Images 2 and 6 give themselves away: alike, hence 0. A generator that repeats itself is found out at once.
#
# Where images have **classes**, as our digits will, both networks are told: the generator's mapping gets the class
# beside $z$, and the discriminator's last layer gives a vector instead of a number, which is multiplied by a vector
# that belongs to the class. Its question is then: is this a real *three*?

# %% [markdown]
# ## 5. The losses, by hand
#
# ### The game
#
# It is that of the first lesson, non-saturating and logistic. With $\operatorname{softplus}(x) = \log(1 + e^x)$, which
# is $-\log \operatorname{sigmoid}(-x)$,
#
# $$L_D = \operatorname{softplus}(D(G(z))) + \operatorname{softplus}(-D(x)), \qquad
# L_G = \operatorname{softplus}(-D(G(z))).$$

# %%
from mindgan.stylegan2.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty

loss_table = {}
print("D(x)  D(G(z))    L_D by hand  package    L_G by hand  package")
for on_real, on_fake in ((4.0, -4.0), (1.0, -1.0), (0.0, 0.0)):
    hand = [np.log1p(np.exp(on_fake)) + np.log1p(np.exp(-on_real)), np.log1p(np.exp(-on_fake))]
    real, fake = tensor([on_real]), tensor([on_fake])
    package = [float(discriminator_loss(fake, real)), float(generator_loss(fake))]
    loss_table[on_real] = [hand, package]
    print(f"{on_real:>4}  {on_fake:>7}    {hand[0]:>11.4f}  {package[0]:.4f}    {hand[1]:>11.4f}  {package[1]:.4f}")

# %% [markdown]
# The last row is the toss of a coin again: $2 \log 2$ and $\log 2$.
#
# ### R1: the discriminator may not be steep
#
# Near the end of the game, fakes lie close to reals. A discriminator that jumps from $+10$ to $-10$ between the two
# sends the generator flying past its goal, back and forth. So its slope at *real* images is made to cost something
# ([Mescheder and others, 2018](https://arxiv.org/abs/1801.04406)):
#
# $$R_1 = \frac{\gamma}{2} \, \big\lVert \nabla_x D(x) \big\rVert^2$$
#
# $\gamma$ is the setting that matters most: larger is smoother and safer, with less variety.
#
# Let us measure the slope with our own hands. We take a small discriminator and an image of 8 by 8 pixels, make one
# pixel a little brighter and a little darker, and see what that does to the score. After 64 pixels we have the
# gradient; the package gets it by differentiating. (One loss has a gradient in it, and training needs *its* gradient:
# every operation has to be differentiated twice.)

# %%
from mindgan.stylegan2.networks import Discriminator
from mindgan.stylegan2.objectives import ImagesTimesNoise, SumOfScores

EPS = 2e-3
small = Shape(height=8, width=8, image_channels=1, z_dim=8, w_dim=8, map_depth=2, channel_base=64, channel_max=8)
ms.set_seed(1)
judge, artist = Discriminator(small, mbstd_group=1), Generator(small)  # with a group of 1, each image is by itself


def scores(images):
    return judge(tensor(images), tensor(np.zeros((len(images), 1)))).asnumpy()[:, 0].astype(np.float64)


images = random.uniform(-1, 1, (2, 1, 8, 8))
one_pixel = EPS * np.eye(64).reshape(64, 1, 8, 8)
slopes = np.stack([scores(image + one_pixel) - scores(image - one_pixel) for image in images]) / (2 * EPS)
r1_by_hand = (slopes**2).sum(axis=1)

unread = tensor(np.zeros((2, 1)))
gradients = ms.grad(lambda x: SumOfScores(judge, None)(x, unread, unread, unread)[0])(tensor(images))
r1_package = r1_penalty(gradients).asnumpy()
r1_pairs = list(zip(r1_by_hand, r1_package, strict=True))
print("squared slope: ", ", ".join(f"{mine:.5f} by hand, {theirs:.5f} by the package" for mine, theirs in r1_pairs))
assert np.allclose(r1_by_hand, r1_package, rtol=0.05)

# %% [markdown]
# ### Path length: the generator may not be uneven
#
# A step of a given length in $w$ should change the image by the same amount wherever it starts and wherever it goes;
# then $w$ is a map without wrinkles. With $J$, the derivatives of all pixels in all numbers of $w$, and an image $y$ of
# noise, $\lVert J^T y \rVert$ says how strongly $w$ acts on the image. Its running mean is $a$, and what differs from
# that costs:
#
# $$L_{pl} = 2 \, \big( \lVert J^T y \rVert - a \big)^2$$
#
# $J^T y$ is the gradient of the sum of $G(w) \cdot y$, which is how the package gets it. By hand we compute *all* of
# $J$: we move each number that comes in through any of the layers a little, and look at 64 pixels each time.

# %%
z = random.standard_normal((2, small.z_dim)).astype(np.float32)
ws = for_all_layers(artist.mapping(Tensor(z), Tensor(z)), small.num_ws)
noise_rows = random.standard_normal((2, small.num_noise))
y = random.standard_normal((2, 1, 8, 8)) / 8  # divided by the root of the number of pixels
lengths_package = path_lengths(ms.grad(ImagesTimesNoise(artist))(ws, tensor(noise_rows), tensor(y))).asnumpy()

num_numbers = small.num_ws * small.w_dim
one_number = EPS * np.eye(num_numbers).reshape(num_numbers, small.num_ws, small.w_dim)
lengths_by_hand = []
for start, row, image in zip(ws.asnumpy(), noise_rows, y, strict=True):
    rows = tensor(np.repeat(row[None], num_numbers, axis=0))
    above, below = (artist.synthesis(tensor(start + sign * one_number), rows).asnumpy() for sign in (1, -1))
    jacobian = (above.astype(np.float64) - below).reshape(num_numbers, -1) / (2 * EPS)  # [numbers, pixels]
    per_layer = (jacobian @ image.reshape(-1)).reshape(small.num_ws, small.w_dim)
    lengths_by_hand.append(float(np.sqrt((per_layer**2).sum(axis=1).mean())))
print("J:", jacobian.shape, "for each image")
length_pairs = zip(lengths_by_hand, lengths_package, strict=True)
print("lengths:", ", ".join(f"{mine:.4f} by hand, {theirs:.4f} by the package" for mine, theirs in length_pairs))
assert np.allclose(lengths_by_hand, lengths_package, rtol=0.05)

# %% [markdown]
# ### Why lazily
#
# Both penalties are expensive, and neither changes fast. So they are computed only now and then, R1 in every 16th step
# and the path length in every 4th, and count 16 and 4 times as much: on average the same pull for a fraction of the
# work. Adam then makes more updates than there are steps, 17 in 16 and 5 in 4; its settings are shrunk to fit:

# %%
print("     every  learning rate     beta2")
for name, interval in (("G", 4), ("D", 16)):
    share = interval / (interval + 1)
    print(f"{name}  {interval:>7}  0.0025 * {share:.3f}  0.99 ** {share:.3f} = {0.99**share:.5f}")

# %% [markdown]
# ($\beta_1$ is 0: with an opponent that moves, old gradients are of no use at all.)
#
# One more thing is no loss: the images that you look at are not drawn by $G$ but by **G_ema**, whose weights are the
# moving average of $G$'s over the last thousands of images. $G$ dances around the goal; its average stands nearer.

# %% [markdown]
# ## 6. Why the discriminator overfits
#
# Now take the images away. With twenty pictures, a discriminator can do better than to learn what digits look like: it
# can learn *these twenty by heart*. Then whatever else a generator draws, however good, is fake, and the only way to
# please is to copy.
#
# Let us watch it at that, where it is clearest: at the end of the game. Suppose that the generator is **perfect**. We
# need not train one. Its "fakes" are real digits, 1,477 of the package's 1,497; the other twenty are the "training
# images". A third lot, the package's test digits, nobody plays with. All three are the same kind of thing, so there is
# *nothing to learn*: the best discriminator says 0 to everything, and its loss stays at $2 \log 2$. Whatever it does
# better than that, it does by heart.
#
# It is the package's discriminator, with its loss and its optimiser, small and without R1. After every twenty steps we
# ask what it says of the twenty, and of the digits it has never seen:

# %%
from mindgan.data.batches import batch_indices, normalise
from mindgan.runtime.device import in_mode
from mindgan.stylegan2.augment import Augment
from mindgan.stylegan2.augment_cells import AugmentImages
from mindgan.stylegan2.objectives import DiscriminatorMain
from mindgan.stylegan2.state import lazy_adam

KNOWN, BATCH, EVERY = 20, 16, 20
digits = embedded_digits()
order = randomness.generator(0, "digits to know").permutation(len(digits.images))
known, drawn_perfectly, unseen = (
    np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    for images in (digits.images[order[:KNOWN]], digits.images[order[KNOWN:]], digits.test_images)
)
few_shape = Shape(height=32, width=32, image_channels=1, channel_base=16 * channels, channel_max=channels)
guards = {"allows_rotations": False, "allows_flips": False}  # a 6 on its head is a 9
show(known, "all that there is to learn from", columns=10)


def answers(judge, images):
    """Scores [N], of KNOWN images at a time."""
    no_class = tensor(np.zeros((KNOWN, 1)))
    parts = np.split(normalise(images), len(images) // KNOWN)
    return np.concatenate([judge(tensor(part), no_class).asnumpy()[:, 0] for part in parts])


def play(p=0.0):
    """A discriminator against a perfect generator: rows of kimg, mean score of the twenty, of unseen digits, its loss.

    What `p` does is the matter of section 7.
    """
    ms.set_seed(0)
    judge = Discriminator(few_shape)
    optimiser = lazy_adam(judge, "optim_few.", lr=0.0025, interval=16)
    pipe = Augment("bgc", channels=1, height=32, width=32, **guards)
    loss = DiscriminatorMain(judge, AugmentImages(pipe) if p > 0 else None)
    gradient = ms.value_and_grad(loss, None, optimiser.parameters, has_aux=True)
    chance, no_class = randomness.generator(0, "play"), tensor(np.zeros((BATCH, 1)))
    rows, losses = [], [2 * np.log(2)]
    with in_mode("graph"):  # compiled
        for step in range(few_steps + 1):
            if step % EVERY == 0:
                means = [answers(judge, images).mean() for images in (known, unseen)]
                rows.append([step * BATCH / 1000, *means, np.mean(losses[-EVERY:])])
            reals = normalise(known[batch_indices(0, step * BATCH, BATCH, KNOWN)])
            fakes = normalise(drawn_perfectly[chance.integers(len(drawn_perfectly), size=BATCH)])
            draws = tensor(pipe.draw(chance, p, 2 * BATCH))
            (value, _), gradients = gradient(tensor(fakes), tensor(reals), no_class, no_class, draws, draws)
            optimiser(gradients)
            losses.append(float(value))
    return np.array(rows)


without = play()


# %%
def draw_scores(panel, rows, title):
    for name, colour, column in (("the twenty", "#000000", 1), ("unseen digits", "#0072B2", 2)):
        panel.plot(rows[:, 0], rows[:, column], "o-", color=colour, markersize=2.5, label=name)
    panel.axhline(0, color="#888888", linestyle="--", linewidth=0.8)
    panel.set(xlabel="kimg (thousands of images)", ylabel="mean score of D")
    panel.set_title(title, fontsize=10)


figure, panels = plt.subplots(1, 2, figsize=(8.5, 3), layout="constrained")
draw_scores(panels[0], without, "what D says")
panels[0].legend(frameon=False, fontsize=9)
panels[1].plot(without[:, 0], without[:, 3], color="#D55E00", linewidth=2)
panels[1].axhline(2 * np.log(2), color="#888888", linestyle="--", linewidth=0.8)
panels[1].set(xlabel="kimg (thousands of images)", ylabel="loss of D")
panels[1].set_title("its loss, and 2 log 2", fontsize=10)
plt.show()
print(f"in the end {without[-1, 1]:.2f} of the twenty, {without[-1, 2]:.2f} of unseen ones; loss {without[-1, 3]:.2f}")

# %% [markdown]
# For a while black and blue go together, up and down, and the loss is near its dashed line: the discriminator has
# nothing to say, as it should be. Then they part. Of digits that it has never seen, which are as real as the twenty, it
# says "fake", more and more firmly. From there on it no longer teaches anybody to draw digits: it would push the
# perfect generator *away* from perfection, towards copies of the twenty.
#
# Note that its loss calls this a success.

# %% [markdown]
# ## 7. What ADA does
#
# The usual cure for overfitting is to augment: turn the images, shift them, change their colours, so that none comes
# twice. In a GAN that is dangerous. If the discriminator is shown turned reals, turned is what real images look like,
# and the generator will draw turned ones: the augmentation **leaks**.
#
# The way out has three parts:
#
# 1. The discriminator *never* sees an image as it is. Reals **and fakes** go through the same pipe of augmentations,
#    and the generator's gradient comes back through it.
# 2. Each transform happens with a probability $p$, by itself, and otherwise leaves the image alone.
# 3. $p$ is **adaptive**: as small as possible, and larger only as the discriminator overfits.
#
# ### The transforms, and what p means
#
# A picture that has colours shows more than a grey one: the outlines of the second lesson. Three pictures, and each
# transform at five values of $p$:

# %%
from mindgan.data.decode import decode_item
from mindgan.data.digit_domains import digit_domains
from mindgan.stylegan2.augment_cells import augmented

PROBABILITIES = (0, 0.1, 0.35, 0.6, 1)
TITLES = {
    **{"xflip": "mirror", "rotate90": "quarter turns", "xint": "shift, whole px"},
    **{"scale": "scale", "rotate": "rotate", "aniso": "stretch", "xfrac": "shift"},
    **{"brightness": "brightness", "contrast": "contrast", "lumaflip": "luma flip", "hue": "hue"},
    **{"saturation": "saturation", "imgfilter": "filter", "noise": "noise", "cutout": "cut-out"},
}


def augmented_at(images, spec, seed, **guards):
    """The images at each of the probabilities, by the same draws: uint8 of [P, N, C, H, W]."""
    pipe = Augment(spec, channels=images.shape[1], height=images.shape[2], width=images.shape[3], **guards)
    draws = [pipe.draw(randomness.generator(seed, "gallery"), p, len(images)) for p in PROBABILITIES]
    many = np.concatenate([images] * len(draws))
    noise = pipe.draw_noise(randomness.generator(seed, "gallery noise"), len(many)) if pipe.has_noise else None
    return augmented(many, pipe, np.concatenate(draws), noise).reshape(len(draws), *images.shape)


def show_gallery(rows, columns):
    """Rows by their titles, of images [P, N, C, H, W]: a block of so many columns for each probability."""
    gap, lines = 10, []
    for block in rows.values():
        sheets = [np.atleast_3d(image_grid(images, columns=columns, padding=1)) for images in block]
        sheets = [np.pad(sheet, ((0, 0), (0, gap), (0, 0)), constant_values=255) for sheet in sheets]
        lines.append(np.concatenate(sheets, axis=1)[:, :-gap])
    sheet = np.rint(np.concatenate(lines) / 15).astype(np.uint8) * 15  # fewer colours, a smaller notebook
    axes = pixel_axes(sheet.squeeze())
    block_width = (sheet.shape[1] + gap) / len(PROBABILITIES)
    axes.set_yticks((np.arange(len(lines)) + 0.5) * len(lines[0]), list(rows), fontsize=9)
    axes.set_xticks([(i + 0.5) * block_width for i in range(len(PROBABILITIES))], [f"p = {p}" for p in PROBABILITIES])
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    plt.show()


items = digit_domains().target_test.items
colourful = np.stack([decode_item(items[index], channels=3, size=(40, 40)) for index in (4, 2, 9)])
gallery = {title: augmented_at(colourful, name, seed=345) for name, title in TITLES.items()}
show_gallery(gallery, columns=3)

# %% [markdown]
# $p$ says **how many** images are changed, not how much. At $p = 0.1$ one in ten is mirrored, and then wholly; at
# $p = 1$ none is spared. (The draws are the same in every column, so what is changed at 0.1 stays changed. Mirroring,
# quarter turns, the luma flip and the shift by whole pixels can draw "not at all", too, so even at $p = 1$ some stay as
# they are. Where something was cut out, pixels are 0, which between -1 and 1 is grey.)
#
# Together they add up. The default pipe `bgc` has the twelve transforms from "mirror" to "saturation", each with its
# own coin; `bgcfnc` has all fifteen. Six pictures:

# %%
six = np.stack([decode_item(items[index], channels=3, size=(40, 40)) for index in (4, 2, 9, 17, 11, 20)])
show_gallery({name: augmented_at(six, name, seed=5) for name in ("bgc", "bgcfnc")}, columns=3)
print("images that bgc leaves as they are:", ", ".join(f"{(1 - p) ** 12:.1%} at p = {p}" for p in PROBABILITIES))

# %% [markdown]
# (The last line is a little too strict: transforms that draw "not at all" change nothing. But already at $p = 0.35$ an
# image that arrives untouched is rare.) For our digits we leave out mirroring and turning, since a 6 on its head is
# a 9. What is left, on the grey digits of this lesson:

# %%
digit_pipe = augmented_at(unseen[:12], "bgc", seed=1, **guards)
show_gallery({"digits": digit_pipe}, columns=4)

# %% [markdown]
# ### Why it does not leak, and when it does
#
# Take quarter turns, and suppose that all reals stand upright. Of what the discriminator sees, $1 - p$ are not touched
# and $p$ are turned by 0, 90, 180 or 270 degrees. So $1 - \tfrac34 p$ are upright, and $\tfrac14 p$ show each other
# direction. A generator that draws digits in all directions shows $\tfrac14$ of each, at any $p$.

# %%
figure, panels = plt.subplots(1, 3, figsize=(8.5, 2.5), sharey=True, layout="constrained")
turns = Augment("rotate90", channels=1, height=32, width=32)
leak_difference = 0.0
for panel, p in zip(panels, (0.35, 0.8, 1.0), strict=True):
    matrices = turns.draw(random, p, 20_000)[:, turns.fields["matrix"]].reshape(-1, 2, 3)
    angles = np.rint(np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])) / 90).astype(int) % 4
    seen = np.bincount(angles, minlength=4) / len(angles)
    by_formula = np.array([1 - 0.75 * p, *[p / 4] * 3])
    leak_difference = max(leak_difference, float(np.abs(seen - by_formula).max()))
    panel.bar(np.arange(4) - 0.2, seen, 0.4, color="#000000", label="upright images")
    panel.bar(np.arange(4) + 0.2, 0.25, 0.4, color="#009E73", label="images turned at will")
    panel.set_xticks(range(4), ["0°", "90°", "180°", "270°"])
    panel.set_title(f"p = {p}", fontsize=10)
panels[0].set_ylabel("share of what D sees")
panels[1].legend(frameon=False, fontsize=8)
plt.show()
print(f"largest difference to the formula: {leak_difference:.3f}")

# %% [markdown]
# As long as the black bars differ from the green ones, the discriminator can object to turned fakes, and the generator
# learns to draw upright ones. The transform does its work and does not show. At $p = 1$ both are the same, and nobody
# can tell any more: it leaks. The difference is $1 - p$. In theory any $p$ below 1 is safe; in practice the
# discriminator has to *notice* the difference, and beyond **0.8** or so the paper saw leaks. Hence the rule: keep
# $p < 0.8$. (`--p_max 0.8` enforces it.)
#
# ### How p is steered
#
# What says that a discriminator overfits, without images put aside? What it says of its own reals. Let
#
# $$r_t = \operatorname{mean} \operatorname{sign} D(x)$$
#
# over the reals since the last change. 0 is guessing; 1 means that every real is known for real. ADA holds $r_t$ at
# **0.6**: every fourth step, $p$ goes up a notch where $r_t$ is above it and down a notch where it is below, and never
# below 0. The notch is such that $p$ needs `ada_kimg` thousand images to go from 0 to 1.
#
# By hand, and with the package's `Ada`, against an invented discriminator, which grows more certain with time and less
# certain with $p$:

# %%
from mindgan.stylegan2.ada import INTERVAL, TARGET, Ada

ADA_KIMG = 10.0
ada, p_by_hand, history = Ada(), 0.0, []
for change in range(400):
    kimg = change * INTERVAL * BATCH / 1000
    certainty = 0.95 - 0.9 * np.exp(-kimg / 4) - 0.6 * p_by_hand
    is_right = random.random((INTERVAL, BATCH)) < (1 + certainty) / 2
    some_scores = np.where(is_right, 1, -1) * np.abs(random.standard_normal((INTERVAL, BATCH)))

    for batch in some_scores:
        ada.see(batch)
    mean_sign = np.sign(some_scores).mean()
    assert np.isclose(ada.mean_sign, mean_sign)
    ada.change(target=TARGET, nimg=INTERVAL * BATCH, ada_kimg=ADA_KIMG, p_max=None)
    p_by_hand = max(p_by_hand + np.sign(mean_sign - 0.6) * INTERVAL * BATCH / (ADA_KIMG * 1000), 0.0)
    history.append([kimg, mean_sign, p_by_hand, ada.probability])
history = np.array(history)
ada_difference = float(np.abs(history[:, 2] - history[:, 3]).max())

plt.figure(figsize=(6.5, 2.9), layout="constrained")
plt.plot(history[:, 0], history[:, 1], color="#009E73", linewidth=0.8, label="$r_t$")
plt.plot(history[:, 0], history[:, 2], color="#E69F00", linewidth=2.5, label="p by hand")
plt.plot(history[:, 0], history[:, 3], "k:", linewidth=1.2, label="p of Ada")
plt.axhline(TARGET, color="#009E73", linestyle="--", linewidth=1)
plt.xlabel("kimg (thousands of images)")
plt.legend(frameon=False, fontsize=9, loc="lower right")
plt.show()
print(f"largest difference of p: {ada_difference:.1e}; p in the end {history[-1, 3]:.2f}")
assert ada_difference < 1e-4

# %% [markdown]
# At first $r_t$ is below the target and $p$ stays at 0: nothing is augmented that need not be. Then $p$ climbs, more
# slowly than it could, as $r_t$ is the mean of 64 signs only and falls below the target by chance again and again,
# until the discriminator is right as often as it should be.
#
# ### The same twenty digits, augmented
#
# The game of section 6 again, from the same first weights, but now the discriminator sees everything, its reals and
# the perfect fakes, through the pipe at $p = 0.6$. (A value that stays, so that the games differ in one thing only.) We
# ask it about the images as they are:

# %%
P = 0.6
with_p = play(P)
figure, panels = plt.subplots(1, 2, figsize=(8.5, 3), sharey=True, layout="constrained")
draw_scores(panels[0], without, "p = 0")
draw_scores(panels[1], with_p, f"p = {P}")
panels[0].legend(frameon=False, fontsize=9)
plt.show()
gaps = [float(rows[-5:, 1].mean() - rows[-5:, 2].mean()) for rows in (without, with_p)]
print(f"in the last hundred steps the twenty are rated higher than unseen digits by {gaps[0]:.2f} at p = 0,", end=" ")
print(f"{gaps[1]:.2f} at p = {P}")

# %% [markdown]
# The curves stay together, and near the dashed line: it has nothing to say, and says so. Augmentation does not make
# twenty digits into two thousand. It keeps the discriminator honest for longer, and that is all it is meant to do. The
# paper often does with ADA what took ten times as many images without it, but that is still some thousands.

# %% [markdown]
# ## 8. The whole training
#
# Now with all 1,497 digits, their classes, R1, and ADA steering the augmentation. `PRESETS["digits"]` has the settings;
# on the command line, `bash scripts/run_gan.sh stylegan` takes the same. Two things that pay in long trainings are off
# in it: path length (`pl_weight`) and mixing styles (`style_mixing`, section 12). The operator trains, exports the
# generator, and draws new images of each class into `Data/`.
#
# The phases of a step are compiled first, once without augmentation and again when $p$ leaves 0. A *tick* is a line of
# the log; `augment` in it is $p$, and `sec/kimg` how long a thousand images take.

# %%
config = mindgan.StyleGanConfig(
    **{**PRESETS["digits"], "train_url": f"./result_tutorial/style_digits{suffix}", **settings}
)
resolved = config.resolved()
print(f"{resolved.total_kimg:g} kimg in batches of {resolved.batch_size}, gamma {resolved.gamma:.4g}, lr {resolved.lr}")
complete = mindgan.train_stylegan(config)

# %%
from mindgan.runtime.run_directory import RunDirectory

run = RunDirectory(config.train_url)
for path in sorted(run.root.iterdir()):
    inside = f"{len(list(path.iterdir()))} files" if path.is_dir() else f"{path.stat().st_size:,} bytes"
    print(f"{path.name + '/' * path.is_dir():<18} {inside}")

# %% [markdown]
# * `model/` has the networks, `network-snapshot-` and thousands of images, and the average generator as `.mindir`
# * `samples/` has grids of always the same latents, one class a row, and `reals.png` to compare them with
# * `Data/` has the new images; `output_0.manifest` lists them with their classes
# * `report.html` shows all of it on one page, with what the training doctor found (section 13)
# * `checkpoints/` has the state to go on from: networks, optimisers, $p$ and what it is steered by

# %% [markdown]
# ## 9. The curves

# %%
from mindgan.runtime import jsonl

mindgan.configure(mode="pynative")
stats = jsonl.read_stats(run.stats)
PANELS = {
    "losses": {"Loss/G/loss": ("G", "#0072B2"), "Loss/D/loss": ("D", "#D55E00")},
    "scores": {"Loss/scores/real": ("reals", "#000000"), "Loss/scores/fake": ("fakes", "#009E73")},
    "p, and what steers it": {"Progress/augment": ("p", "#E69F00"), "Loss/signs/real": ("$r_t$", "#009E73")},
}
figure, panels = plt.subplots(1, 3, figsize=(9.5, 2.9), layout="constrained")
for panel, (title, series) in zip(panels, PANELS.items(), strict=True):
    for name, (label, colour) in series.items():
        points = [(line["nimg"] / 1000, line[name]) for line in stats if name in line]
        panel.plot(*zip(*points, strict=True), "o-", color=colour, markersize=2.5, label=label)
    panel.set_title(title, fontsize=10)
    panel.set_xlabel("kimg")
    panel.legend(frameon=False, fontsize=9)
for panel, levels in zip(panels, ((np.log(2), 2 * np.log(2)), (0,), (TARGET,)), strict=True):
    for level in levels:
        panel.axhline(level, color="#888888", linestyle="--", linewidth=0.8)
plt.show()
final = {name: float(stats[-1][name]) for series in PANELS.values() for name in series}
print(", ".join(f"{name} {value:.2f}" for name, value in final.items()))

# %% [markdown]
# How to read them:
#
# * **The losses** have the dashed lines of the first lesson, $\log 2$ and $2 \log 2$. In most trainings $D$ keeps a
#   lead. Here R1 is strong, and at full length both come close to their lines: $D$ can hardly tell any more. As before,
#   they do not say how good the images are.
# * **The scores**: reals above, fakes below. A healthy training keeps both within a few units of 0. A gap that widens
#   and widens is a discriminator that wins.
# * **$p$** climbs as long as $r_t$ is above 0.6 and sinks where it is below. With 1,497 images and a short training
#   it stays low: there is not much to overfit yet.
#
# `loss.png` in the run has more: both penalties, signs, and how varied the fakes are.

# %% [markdown]
# ## 10. The digits as they form
#
# Each row is a class, each place a latent that never changes. As the average generator draws them:

# %%
import PIL.Image

from mindgan.render.gif import save_gif

samples = run.fakes_of_run()
chosen = [samples[index] for index in sorted({round(number) for number in np.linspace(0, len(samples) - 1, 4)})]
figure, panels = plt.subplots(1, len(chosen), figsize=(2.2 * len(chosen), 2.5), layout="constrained", squeeze=False)
for panel, (kimg, path) in zip(panels[0], chosen, strict=True):
    panel.imshow(PIL.Image.open(path), cmap="gray", vmin=0, vmax=255)
    panel.set_title(f"{kimg:g} kimg", fontsize=10)
    panel.axis("off")
plt.show()

# %% [markdown]
# At 0 there are clouds, of all sizes at once, as every layer adds its own. They clear to blots in the middle, then to
# strokes that belong to no class yet, then to digits. Compare rows with columns: what differs from row to row is the
# class, what differs within a row is variety. There is little of that: so short a training, with so strong an R1, finds
# a good 3 and stays with it. More kimg and a smaller `gamma` bring more, and more that goes wrong.

# %% [markdown]
# ## 11. Truncation
#
# `mindgan.load_stylegan` takes a run's newest checkpoint. Every digit twice:

# %%
from mindgan.stylegan2 import checkpoints
from mindgan.stylegan2.sample import Drawer

network = mindgan.load_stylegan("--source", config.train_url)
trained_shape = network.about.shape
classes = np.arange(10)
one_hot = np.eye(10, dtype=np.float32)
latents = random.standard_normal((20, trained_shape.z_dim)).astype(np.float32)
new_digits = network.draw(latents, one_hot[np.tile(classes, 2)])
show(new_digits, "new digits, one class a column")

# %% [markdown]
# Some latents are rare: far from the middle of the cloud, where the generator had little practice. Their images are the
# odd ones. **Truncation** gives up some variety for fewer of them: every $w$ is pulled towards the mean $\bar w$,
#
# $$w' = \bar w + \psi\,(w - \bar w),$$
#
# which the networks keep as a moving average, `w_avg`. $\psi = 1$ leaves everything as it is, $\psi = 0$ draws one
# image for all. It cannot be done with $z$: its mean is 0, and the generator never saw anything like it.
#
# To get at $w$ we take the two networks apart:

# %%
trained = checkpoints.read_source(run.root).generator()
own_noise = trained.synthesis.noise_const()


def styles(z, digits):
    """w [N, D]."""
    return trained.mapping(tensor(z), tensor(one_hot[digits])).asnumpy()


def pictures(ws):
    """Images of w [N, D], or [N, num_ws, D] where layers have their own."""
    ws = ws if ws.ndim == 3 else np.repeat(ws[:, None], trained_shape.num_ws, axis=1)
    return to_uint8(trained.synthesis(tensor(ws), tensor(np.repeat(own_noise[None], len(ws), axis=0))).asnumpy())


w_avg = trained.mapping.w_avg.asnumpy()
many = random.standard_normal((2000, trained_shape.z_dim)).astype(np.float32)
many_styles = styles(many, np.arange(2000) % 10)
off, spread = np.linalg.norm(many_styles.mean(axis=0) - w_avg), np.linalg.norm(many_styles - w_avg, axis=1).mean()
print(f"mean of 2,000 styles is {off:.3f} away from w_avg; the styles themselves are {spread:.3f} away on average")

w = styles(latents[:10], classes)
by_hand = pictures(w_avg + 0.5 * (w - w_avg))
by_package = network.draw(latents[:10], one_hot, psi=0.5)
truncation_difference = int(np.abs(by_hand.astype(int) - by_package).max())
print(f"psi = 0.5 by hand and by the package: largest difference {truncation_difference} of 255")
assert truncation_difference <= 1

# %% [markdown]
# Now $\psi$ from 0 to 1. On the left, as above: at $\psi = 0$ every class becomes the same figure, since `w_avg` is the
# mean of *all* classes. On the right each class is pulled towards a mean of its own, which costs five lines:

# %%
PSIS = (0.0, 0.25, 0.5, 0.75, 1.0)
class_means = np.stack([many_styles[digit::10].mean(axis=0) for digit in classes])
centres = {"towards the mean of all": w_avg[None], "towards the mean of its class": class_means}
sheets = {
    title: image_grid(np.concatenate([pictures(centre + psi * (w - centre)) for psi in PSIS]), columns=10)
    for title, centre in centres.items()
}
figure, panels = plt.subplots(1, 2, figsize=(7.5, 2.3), layout="constrained")
for panel, (title, sheet) in zip(panels, sheets.items(), strict=True):
    panel.imshow(sheet, cmap="gray", vmin=0, vmax=255)
    panel.set_title(title, fontsize=10)
    panel.set_yticks((np.arange(len(PSIS)) + 0.5) * sheet.shape[0] / len(PSIS), [f"$\\psi$ = {psi}" for psi in PSIS])
    panel.set_xticks([])
    panel.tick_params(length=0)
plt.show()


def variety(images):
    """The deviation of a pixel among the images of a class, of images 0 to 9, 0 to 9, ..."""
    by_class = images.reshape(-1, 10, *images.shape[1:]).astype(np.float64)
    return float(np.sqrt(by_class.var(axis=0).mean()))


hundred = many[:100], one_hot[np.arange(100) % 10]
varieties = {psi: variety(network.draw(*hundred, psi=psi)) for psi in PSIS}
print("variety within a class:", ", ".join(f"{value:.1f} at psi {psi}" for psi, value in varieties.items()))

# %% [markdown]
# Variety shrinks with $\psi$, which is the price. 0.7 is a common choice for pictures to show. For measuring, $\psi$
# stays at 1.
#
# A **cutoff** truncates only the first layers, those of the large shapes, and leaves the fine ones their freedom:

# %%
cutoffs = (None, 4, 2)
rows = [Drawer(trained, batch_size=10, cutoff=cutoff).draw(latents[:10], one_hot, psi=0.3) for cutoff in cutoffs]
show(
    np.concatenate([*rows, pictures(w)]),
    "psi 0.3 in all layers; in the first four; in the first two; nowhere",
)

# %% [markdown]
# ## 12. Mixing styles, and a walk through them
#
# Each layer reads $w$ for itself, so nothing forces us to give all of them the same one. The papers do it in training
# already (`style_mixing` 0.9): nine batches in ten have two latents an image, switched at a random layer, so that no
# layer relies on its neighbours' style. This network never saw it. Below, the large shape (4 and 8 pixels) comes from
# the image at the beginning of the row, the rest (16 and 32) from the one on top of the column:

# %%
CROSSING = 3  # of the 8 styles of 32 pixels, those of the layers of 4 and 8
coarse, fine = np.arange(1, 6), np.array([0, 3, 6, 7, 8, 9])
w_coarse, w_fine = styles(latents[:5], coarse), styles(latents[5:11], fine)
mixed = np.stack(
    [
        np.concatenate([np.repeat(a[None], CROSSING, 0), np.repeat(b[None], trained_shape.num_ws - CROSSING, 0)])
        for a in w_coarse
        for b in w_fine
    ]
)
mixed_images = pictures(mixed).reshape(5, 6, 1, 32, 32)
corner = np.zeros((1, 1, 32, 32), np.uint8)
sheet = [np.concatenate([corner, pictures(w_fine)])]
sheet += [np.concatenate([left[None], row]) for left, row in zip(pictures(w_coarse), mixed_images, strict=True)]
show(np.concatenate(sheet), "left: what gives the large shape; top: what gives the rest", columns=7)

# %% [markdown]
# Which of the two decides on the digit? That shows where the networks put the class.
#
# ### How much is noise
#
# The same styles with other noise, and how far a pixel varies over twenty of them:

# %%
repeated = np.repeat(latents[:10], 20, axis=0), np.repeat(one_hot, 20, axis=0)
noisy = network.draw(*repeated, noise_mode="random", random=randomness.generator(0, "noise of the lesson"))
noisy = noisy.reshape(10, 20, 1, 32, 32)
deviation = noisy.astype(np.float64).std(axis=1)
brightest = max(float(deviation.max()), 1.0)
show(
    np.concatenate([noisy[:, 0], noisy[:, 1], np.rint(255 * deviation / brightest).astype(np.uint8)]),
    "two noises, and the deviation of each pixel (brightened)",
)
print(f"largest deviation of a pixel: {deviation.max():.1f} of 255")

# %% [markdown]
# ### A walk
#
# In the first lesson a walk had to go along an arc. $w$ is no thin shell; straight lines will do. Round trip over four
# digits:

# %%
stops = styles(latents[11:15], np.array([3, 8, 0, 6]))
walk = np.concatenate(
    [
        start + np.linspace(0, 1, 10, endpoint=False)[:, None] * (end - start)
        for start, end in zip(stops, np.roll(stops, -1, axis=0), strict=True)
    ]
)
walk_images = pictures(walk)
show(walk_images, "row by row: from one style to the next")

# %%
walk_film = run.root.with_name(f"{run.root.name}_walk.gif")  # beside the run, which holds only what the training made
frames = [image[0].repeat(2, axis=0).repeat(2, axis=1) for image in walk_images]
save_gif(walk_film, frames, milliseconds=80, hold_last_ms=80)
Image(data=walk_film.read_bytes(), format="gif", width=128)

# %% [markdown]
# ## 13. What goes wrong
#
# The package has a *training doctor*, which reads the curves after each tick and compares fakes with reals at each
# snapshot. Here are four trainings that went wrong, as far as the numbers in their `stats.jsonl` go (invented ones),
# and what it says of each:

# %%
from textwrap import fill

from mindgan.stylegan2 import doctor

CASES = {
    "augmentations leak": {doctor.P: 0.95},
    "D wins": {"Loss/D/loss": 0.02, "Loss/G/loss": 6.0},
    "collapse": {doctor.VARIANCE: 0.05, doctor.SPACING: 0.02},
    "copies": {doctor.NEAREST: 0.1},
}
invented = {
    case: doctor.findings(
        [{"nimg": int(i * 1000 * config.total_kimg / 6), "epoch": i, "step": i, **numbers} for i in range(1, 7)],
        resolved.settings(),
    )
    for case, numbers in CASES.items()
}
for case, said in invented.items():
    print(fill(f"{case}: {' '.join(said)}", 110, subsequent_indent="    "), end="\n\n")
found = doctor.findings(stats, resolved.settings())
print("this lesson's own training:", fill(" ".join(found), 110) if found else "nothing of the kind")

# %% [markdown]
# The last line is of the end. In the middle of a training, while the digits are blots that are all alike, the doctor
# may well warn of collapse, as you may have seen above; it is worth heeding where it stays.
#
# * **Turned or oddly coloured images.** An augmentation leaks, as $p$ went too high. `--p_max 0.8`; or leave out what
#   should not show: `--no-rotate`, `--no-flip`, or another `--augpipe`.
# * **$p$ climbs and climbs.** The discriminator overfits whatever ADA does: too few images. More of them, `--mirror`
#   where left and right do not matter, a larger `--gamma`, or transfer (section 14).
# * **The discriminator wins**: its loss near 0, scores far apart. As above.
# * **Collapse**: fakes that are all alike. A larger `--gamma` (2 to 4 times), a lower `--lr`.
# * **Images are smooth, alike, without detail.** `--gamma` is too large. Try a half, a quarter.
# * **Good images, then suddenly bad ones.** Go back to an earlier snapshot: they are all in `model/`. `--resume` takes
#   one of them as the start of another run.
# * **It just is not done.** The papers show 25,000 thousand images to the discriminator; this lesson shows it a few. A
#   small, sound training looks much like a broken one for a long time. The doctor is there to tell them apart.

# %% [markdown]
# ## 14. Your own pictures
#
# ```text
# bash scripts/run_gan.sh stylegan --data_url my_images --resolution 64 --dry-run            settings, time, memory
# bash scripts/run_gan.sh stylegan --data_url my_images --resolution 64 --train_url mine     train
# bash scripts/run_gan.sh generate --source mine --seeds 0-15 --trunc 0.7 --out drawn        new images
# ```
#
# * `--data_url` is a folder. Folders in it are classes. Images are cropped to the middle and resized.
# * **How many?** A few thousand are comfortable; with some hundreds, start from somebody else's training.
# * **Transfer.** Train on many images of a similar kind, or take a run that you have, and go on with yours:
#   `--resume that_run --freezed 4`. *Freeze-D* ([Mo and others, 2020](https://arxiv.org/abs/2002.10964)) leaves the
#   first layers of the discriminator as they are; edges are edges, and twenty images should not unlearn them. Most of
#   what a network knows about strokes, fur or sky is in there already.
# * **Mirror** (`--mirror`) doubles the data for nothing, unless there is writing in them, or a left and a right.
# * **Gamma** is the one setting to try: the default, a quarter and four times as much, each for a tenth of the time. In
#   doubt, larger for few images. It grows with the resolution: four times for twice the size.
# * **Time.** `--dry-run` measures three steps and tells. On two cores, 64 pixels and a small network are a matter of
#   hours; the published sizes want an accelerator.
#
# From Python it is what you did in section 8: `mindgan.train_stylegan(mindgan.StyleGanConfig(data_url=..., ...))`.

# %% [markdown]
# ## 15. Exercises
#
# Give each training a `train_url` of its own.
#
# 1. **How few are too few?** In section 6, let `KNOWN` be 100, and 500. When do the two curves part?
# 2. **R1 against learning by heart.** `DiscriminatorRegularisation` takes the reals like `DiscriminatorMain`. Add its
#    gradient in every 16th step, with `r1_gamma` 0.1, 1 and 10. When do the curves part now, and how far do they go?
# 3. **A leak of your own making.** Train section 8 with `aug="fixed", p=1.0, no_rotate=False, augpipe="blit"`. Look at
#    the fakes. And with `p=0.5`?
# 4. **Only one size.** In section 12, let `CROSSING` go from 1 to 7. From where on does the row decide on the digit?
# 5. **The average.** `checkpoints.read_source(run.root).arrays` has `G` beside `G_ema`. Make a `Generator` of it with
#    `load_torch`. How do its images differ?
# 6. **A direction.** Find styles of ten thin and ten thick digits of one class, and take the difference of their means.
#    Add it to styles of *other* classes. Does it thicken those too?
# 7. **Wrinkles.** Walk from one stop to the next in a hundred steps, and measure how far the image moves in each. How
#    even is it, and how even after a training with `pl_weight=2`?
#
# To read on: [Karras and others (2019)](https://arxiv.org/abs/1812.04948), style;
# [(2020)](https://arxiv.org/abs/1912.04958), this generator; [(2020)](https://arxiv.org/abs/2006.06676), ADA, with
# an appendix on leaks that is worth its pages; [Mescheder and others (2018)](https://arxiv.org/abs/1801.04406) on R1.
