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
# # Your first GAN: handwritten digits out of noise
#
# In this lesson you teach two small networks to play a game against each other. One of them, the *generator*, starts
# out drawing television snow. At the end it draws digits that nobody ever wrote.
#
# We go all the way, one step at a time:
#
# 1. what a GAN is, and what its losses should be at the end
# 2. the data
# 3. the two networks, written by hand
# 4. the losses
# 5. one training step by hand
# 6. the whole training
# 7. the loss curves, and how to read them
# 8. the digits as they form
# 9. new digits, and a walk between them
# 10. a model file that runs without this package
# 11. what good looks like, and what goes wrong
# 12. exercises
#
# You need some Python, an idea of what a gradient is, and no earlier GAN. The model and its settings are those of
# MindSpore's tutorial *GAN for Image Generation*; the first GAN of all, by [Goodfellow and others
# (2014)](https://arxiv.org/abs/1406.2661), looked much the same.

# %% [markdown]
# ## Before we start
#
# How much is trained depends on the environment variable `MINDGAN_TUTORIAL_SIZE`:
#
# | size | data | epochs | on two CPU cores |
# |---|---|---|---|
# | `smoke` | the small set that comes with mindgan | 2 | seconds; the digits stay fog |
# | `short` | MNIST | 50 | about ten minutes; most digits can be read |
# | `full` (the default) | MNIST | 200 | half an hour to an hour; what the lesson is about |
#
# None of it is lost: **you can stop the training whenever you like and run the cell again, and it goes on where it
# stopped.** A training that is already complete is simply used. So you can begin with `short`, read on, and come back
# with `full`: it adds the missing epochs.

# %%
import os

import mindgan

SIZES = {
    "smoke": {"dataset": "digits", "epochs": 2, "log_frequency": 11},
    "short": {"dataset": "auto", "epochs": 50, "log_frequency": 117},
    "full": {"dataset": "auto", "epochs": 200, "log_frequency": 234},
}
SIZE = os.environ.get("MINDGAN_TUTORIAL_SIZE", "full")
settings = SIZES[SIZE]
print(f"size {SIZE}: {settings['epochs']} epochs")

# %% [markdown]
# MindSpore can run a network in two ways. In **PyNative** mode every operation runs as Python reaches it, so you can
# print what you like and errors point at your line. In **graph** mode the whole step is compiled first and then runs
# several times as fast. We look at things in the first and train in the second.
#
# `mindgan.configure` chooses the device (an Ascend or GPU where there is one, else the CPU) and the mode. It comes
# before anything that imports MindSpore.

# %%
device = mindgan.configure(mode="pynative")
print("computing on", device)

# %%
import matplotlib.pyplot as plt
import mindspore as ms
import numpy as np
from IPython.display import Image
from mindspore import Tensor, nn

from mindgan.render.grids import image_grid

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})


def show(images, title, columns=5, inches=3.2):
    """Shows uint8 images [N, 1, 28, 28] as a grid."""
    sheet = image_grid(images, columns=columns, scale=2)
    plt.figure(figsize=(inches, inches * sheet.shape[0] / sheet.shape[1]))
    plt.imshow(sheet, cmap="gray", vmin=0, vmax=255)
    plt.title(title, fontsize=10)
    plt.axis("off")
    plt.show()


# %% [markdown]
# ## 1. What a GAN is
#
# GAN stands for *generative adversarial network*. It learns to make new things like those it was shown, and nobody has
# to tell it what is in the pictures. Two networks do it together, by working against each other:
#
# * The **generator** $G$ gets a *latent vector* $z$, a hundred numbers drawn from the standard normal distribution, and
#   turns it into an image $G(z)$. Different $z$, different image.
# * The **discriminator** $D$ gets an image and says how likely it is to be a real one: $D(x)$ lies between 0 (certainly
#   fake) and 1 (certainly real). It is an ordinary classifier with two classes.
#
# $D$ is trained to tell the two apart. $G$ is trained to be mistaken for real, and all it ever learns of the data
# reaches it through $D$'s judgement: $G$ never sees a real image.
#
# ### The game in one formula
#
# $$\min_G \max_D \; V(D, G) \;=\; \mathbb{E}_{x \sim p_\text{data}} \big[\log D(x)\big]
# \;+\; \mathbb{E}_{z \sim \mathcal{N}(0, I)} \big[\log\big(1 - D(G(z))\big)\big]$$
#
# Read it from $D$'s side first. The first term is large when real images get a $D$ near 1, the second when fakes get
# one near 0. So $D$ wants $V$ as large as it can be. $G$ has a hand in the second term only, and wants $V$ small.
#
# ### Where the game ends
#
# Call the distribution of the images that $G$ draws $p_G$, and hold $G$ still for a moment. For any one image $x$,
# the best discriminator maximises $p_\text{data}(x) \log y + p_G(x) \log(1 - y)$ over its answer $y$. Setting the
# derivative to zero gives
#
# $$D^*(x) = \frac{p_\text{data}(x)}{p_\text{data}(x) + p_G(x)}.$$
#
# Now let $G$ move. Put $D^*$ back into $V$, and what remains measures how far apart the two distributions are:
#
# $$V(D^*, G) = -2 \log 2 + 2 \, \mathrm{JSD}(p_\text{data} \,\|\, p_G).$$
#
# JSD is the Jensen–Shannon divergence: never negative, and zero only where both distributions are the same. So the
# best that $G$ can do is $p_G = p_\text{data}$. Then $D^*(x) = 1/2$ for *every* image: the discriminator can only toss
# a coin. Neither side can gain by moving alone, which is called a *Nash equilibrium*.
#
# Let us watch it happen where we can draw it. Below, an "image" is a single number $x$. The data follow the black
# dotted curve, the generator the green one, and we compute $D^*$ (blue, dashed) from the formula.

# %%
x = np.linspace(-6, 6, 601)


def bell(mean, deviation):
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))


p_data = bell(1.0, 1.0)
stages = {"at first": bell(-3.0, 1.0), "on the way": bell(-0.5, 1.0), "at the equilibrium": bell(1.0, 1.0)}
figure, panels = plt.subplots(1, 3, figsize=(9.5, 2.7), sharey=True, layout="constrained")
for panel, (stage, p_g) in zip(panels, stages.items(), strict=True):
    best_d = p_data / (p_data + p_g)  # and 1 - best_d is p_g / (p_data + p_g)
    best_loss_d = -(p_data * np.log(best_d) + p_g * np.log(p_g / (p_data + p_g))).sum() * (x[1] - x[0])
    panel.plot(x, p_g, color="#009E73", label="generator")
    panel.plot(x, p_data, "k:", linewidth=2, label="data")
    panel.plot(x, best_d, "--", color="#0072B2", label="best D")
    panel.set_title(f"{stage}: D's loss {best_loss_d:.3f}", fontsize=10)
    panel.set_xlabel("x")
panels[0].legend(fontsize=8, frameon=False, loc="upper left")
plt.show()

# %% [markdown]
# From left to right: while the generator is far off, $D$ is a switch between 0 and 1 and its loss is close to 0. As
# the green curve comes nearer, $D$ gets unsure and its loss rises. When both curves lie on each other, $D$ is the flat
# line at $1/2$.
#
# The number in the titles is $-V$, the loss that $D$ minimises. Keep the last one in mind. At the equilibrium
#
# $$L_D = -\log\tfrac12 - \log\tfrac12 = 2\log 2 \approx 1.386, \qquad L_G = -\log\tfrac12 = \log 2 \approx 0.693.$$
#
# These are the two dashed lines of every loss curve in this package. And mark how odd this is: in a GAN **a falling
# loss is not the goal**. $D$'s loss should *rise* towards 1.386, because its opponent gets better.
#
# ### How the game is played
#
# We cannot compute $D^*$ for images. So both networks take small steps in turn:
#
# 1. Both start as random networks: $G$ draws noise, $D$ guesses.
# 2. $D$ takes a step: its answers move towards 1 on real images, towards 0 on the generator's.
# 3. $G$ takes a step: it changes its images so that $D$ rates them higher.
# 4. Steps 2 and 3 repeat, thousands of times, until (if all goes well) $D$ cannot tell any more.

# %% [markdown]
# ## 2. The data
#
# **MNIST** is a collection of handwritten digits that was put together from the older NIST collections. The digits
# were brought to one size and centred, grey on black, 28 by 28 pixels.
#
# Where MNIST cannot be had, mindgan uses a small set that it carries along, so that this lesson runs anywhere:
#
# | | MNIST | the digits in mindgan |
# |---|---|---|
# | training images | 60,000 | 1,497 |
# | test images | 10,000 | 300 |
# | an image | 28 x 28, one channel, 0 to 255 | the same, enlarged from 8 x 8 |
# | steps in an epoch, at 128 images a step | 468 | 11 |
# | comes from | [LeCun, Cortes and Burges][mnist] | [UCI Machine Learning Repository][uci], CC BY 4.0 |
#
# [mnist]: http://yann.lecun.com/exdb/mnist/
# [uci]: https://doi.org/10.24432/C50P49
#
# mindgan looks for MNIST in the folder `MNIST_Data` beside this notebook and downloads it there if it is missing. If
# you have the files elsewhere, name their folder in the environment variable `MINDGAN_DATA`. The four files can lie
# side by side or like this, plain or packed as `.gz`:
#
# ```text
# MNIST_Data/
# ├── train/
# │   ├── train-images-idx3-ubyte
# │   └── train-labels-idx1-ubyte
# └── test/
#     ├── t10k-images-idx3-ubyte
#     └── t10k-labels-idx1-ubyte
# ```

# %%
from mindgan.data import mnist

data_url = os.environ.get("MINDGAN_DATA") if settings["dataset"] == "auto" else None
digits = mnist.load(settings["dataset"], data_url)
print("set     ", digits.name)
print("training", digits.images.shape, digits.images.dtype, "from", digits.images.min(), "to", digits.images.max())
print("test    ", digits.test_images.shape)
print("labels  ", dict(enumerate(np.bincount(digits.labels).tolist())))

# %% [markdown]
# The shape reads `[N, C, H, W]`: number of images, channels (one, they are grey), height, width. The last line counts
# the images of each digit: all ten are about as frequent, which will matter when we judge the generator.
#
# Always look at your data before you train on them. Five images of each digit:

# %%
rows = [digits.images[digits.labels == label][:5] for label in range(10)]
by_label = np.stack(rows, axis=1).reshape(50, 1, 28, 28)
show(by_label, "training images, one column a digit", columns=10, inches=5)

# %% [markdown]
# ### From files to batches
#
# Three things happen on the way to the networks:
#
# * **The range.** The generator ends in $\tanh$, whose values lie between -1 and 1. So the real images have to lie
#   there too, or $D$ could tell them apart by their brightness alone: $x \mapsto (x - 127.5) / 127.5$.
# * **The order.** The images are shuffled anew for every epoch.
# * **The batch.** A step sees 128 images. What is left over at the end of an epoch is dropped, and gets its chance in
#   the next one.
#
# The labels are not used at all. A GAN learns from the images alone.

# %%
from mindgan.data.batches import Batches
from mindgan.mlp_gan.config import MlpGanConfig

config = MlpGanConfig(data_url=data_url, train_url=f"./result_tutorial/{digits.name}", **settings)
batches = Batches(digits.images, batch_size=config.batch_size, seed=config.seed)
real_images = batches.batch(0)

left_over = len(digits.images) - batches.nimg_per_epoch
print(f"steps in an epoch: {batches.steps_per_epoch}, images left over: {left_over}")
print("a batch:", real_images.shape, real_images.dtype, "from", real_images.min(), "to", real_images.max())

# %% [markdown]
# `MlpGanConfig` carries every setting with its default: batch size 128, latent size 100, learning rate 0.0002, Adam's
# $\beta_1 = 0.5$ and $\beta_2 = 0.999$. We changed only where the data come from, where results go, and how long to
# train.
#
# ### Latent vectors
#
# The other input is noise: for every step 128 vectors of 100 standard normal numbers.
#
# We also put 25 vectors aside, drawn once with the fixed seed 2323. After each epoch the generator draws *these* again.
# Because the input never changes, every difference between two of those pictures is something the generator learned.

# %%
from mindgan.mlp_gan.sample import fixed_latents
from mindgan.runtime import randomness

latents = randomness.latents(config.seed, nimg=0, num=config.batch_size, latent_size=config.latent_size)
test_latents = fixed_latents(config.latent_size)
print("latents of a step:", latents.shape, " fixed latents:", test_latents.shape)
print(f"mean {latents.mean():.3f}, deviation {latents.std():.3f}")
print(f"length of a latent vector: {np.linalg.norm(latents, axis=1).mean():.2f}")

# %% [markdown]
# The last number is no accident: the length of a vector of 100 standard normal numbers is close to
# $\sqrt{100} = 10$, hardly ever below 8 or above 12. In a hundred dimensions the normal distribution is a thin shell.
# We come back to this when we walk from one digit to another.

# %% [markdown]
# ## 3. The networks, by hand
#
# Here, and only here, you write what the package already has: for understanding a network nothing beats writing it.
# Afterwards we check that yours equals the package's, and go on with the package.
#
# MNIST's images are small enough to do without convolutions. Both networks are *multilayer perceptrons*: layers
# $Wx + b$ with something bent in between.
#
# ### The generator
#
# It grows a vector of 100 numbers to 784, which are then laid out as an image of 28 by 28:
#
# $$100 \to 128 \to 256 \to 512 \to 1024 \to 784$$
#
# * `nn.ReLU` follows each layer but the last: $\max(0, x)$.
# * `nn.BatchNorm1d` comes before it on 256, 512 and 1024. It brings every feature to mean 0 and variance 1 over the
#   batch, which keeps the gradients of deep layers healthy.
# * `nn.Tanh` at the end brings the pixels to $(-1, 1)$, the range of the data.


# %%
def hidden(width_in, width_out):
    return [nn.Dense(width_in, width_out), nn.BatchNorm1d(width_out, eps=1e-5, momentum=0.9), nn.ReLU()]


class HandmadeGenerator(nn.Cell):
    """Latents [N, latent_size] to images [N, 1, 28, 28] in (-1, 1)."""

    def __init__(self, latent_size=100):
        super().__init__()
        self.model = nn.SequentialCell(
            [
                *[nn.Dense(latent_size, 128), nn.ReLU()],
                *hidden(128, 256),
                *hidden(256, 512),
                *hidden(512, 1024),
                *[nn.Dense(1024, 28 * 28), nn.Tanh()],
            ]
        )

    def construct(self, latents):
        pixels = self.model(latents)  # [N, 784]
        return pixels.reshape(-1, 1, 28, 28)


# %% [markdown]
# In MindSpore a network is a `Cell` and its forward pass is called `construct`. Mind `momentum=0.9`: MindSpore's is
# the share of the *old* running average that stays, where PyTorch's is the share of the new value. 0.9 here is 0.1
# there.
#
# ### The discriminator
#
# It goes the other way, from 784 pixels to one number:
#
# $$784 \to 512 \to 256 \to 1$$
#
# * `nn.LeakyReLU` with slope 0.2: where ReLU is flat for negative values and passes no gradient, this one leaks a
#   little. Remember that $G$ learns only through $D$; a $D$ with dead units would leave $G$ in the dark.
# * `nn.Sigmoid` makes the last number a probability.
# * No batch normalisation: $D$ should judge each image by itself, not by its company in the batch.


# %%
class HandmadeDiscriminator(nn.Cell):
    """Images [N, 1, 28, 28] in [-1, 1] to the probability that each is real [N, 1]."""

    def __init__(self):
        super().__init__()
        self.model = nn.SequentialCell(
            [
                *[nn.Dense(28 * 28, 512), nn.LeakyReLU(alpha=0.2)],
                *[nn.Dense(512, 256), nn.LeakyReLU(alpha=0.2)],
                *[nn.Dense(256, 1), nn.Sigmoid()],
            ]
        )

    def construct(self, images):
        return self.model(images.reshape(-1, 28 * 28))


# %% [markdown]
# ### Are they the package's?
#
# Two networks are the same if their parameters have the same names and shapes, and if with the same numbers in them
# they compute the same. We check both. The output is compared twice, because `BatchNorm1d` does two different things:
# while training it normalises with the batch at hand, afterwards with running averages that it kept.

# %%
from mindgan.mlp_gan.networks import Discriminator, Generator

ms.set_seed(config.seed)
my_generator, my_discriminator = HandmadeGenerator(config.latent_size), HandmadeDiscriminator()
generator, discriminator = Generator(config.latent_size), Discriminator()


def outline(network):
    return {name: parameter.shape for name, parameter in network.parameters_dict().items()}


def largest_difference(one, other):
    return float(np.abs(one.asnumpy() - other.asnumpy()).max())


equal_outline = True
differences = {}
for name, mine, packaged, inputs in (
    ("generator", my_generator, generator, latents),
    ("discriminator", my_discriminator, discriminator, real_images),
):
    equal_outline &= outline(mine) == outline(packaged)
    ms.load_param_into_net(packaged, mine.parameters_dict())
    for mode in (True, False):
        mine.set_train(mode)
        packaged.set_train(mode)
        differences[name, mode] = largest_difference(mine(Tensor(inputs)), packaged(Tensor(inputs)))
    num_numbers = sum(parameter.size for parameter in mine.trainable_params())
    print(f"{name}: {num_numbers:,} trainable numbers in {len(mine.trainable_params())} parameters")
    print(f"    same names and shapes: {outline(mine) == outline(packaged)}")
    print(f"    largest difference of an output: {differences[name, True]:.1e} training,", end=" ")
    print(f"{differences[name, False]:.1e} in inference")
assert equal_outline
assert max(differences.values()) < 1e-5

# %% [markdown]
# The same, up to rounding. (The package writes some layers out in other operations, because those are faster or, like
# its $\tanh$, more accurate than MindSpore's own on a CPU. What they mean is the same, and so are the checkpoints.)
#
# What does an untrained generator draw? And what does an untrained discriminator say to it?

# %%
from mindgan.render.grids import to_uint8

my_generator.set_train(True)
snow = my_generator(Tensor(latents))
verdict = my_discriminator(snow).asnumpy()
show(to_uint8(snow.asnumpy()[:25]), "before training", inches=2.4)
print(f"D says {verdict.mean():.3f} on average, from {verdict.min():.3f} to {verdict.max():.3f}")

# %% [markdown]
# Snow, and a shrug: close to 1/2, whatever it is shown. That looks like the equilibrium and is its opposite. There $D$
# cannot tell because there is nothing to tell; here because it has not learned to yet.

# %% [markdown]
# ## 4. The losses
#
# Both networks are trained with *binary cross-entropy*. For a probability $p$ and a wish $t$ that is 0 or 1,
#
# $$\mathrm{BCE}(p, t) = -\,t \log p - (1 - t) \log(1 - p).$$
#
# **The discriminator** wishes 1 for real images and 0 for fakes. Averaged over a batch of $N$, this is $-V$:
#
# $$L_D = -\frac1N \sum_i \log D(x_i) \;-\; \frac1N \sum_i \log\big(1 - D(G(z_i))\big)$$
#
# **The generator** could minimise the second term of $V$ as it stands. But look at the start of the training, when
# $D$ spots every fake: with $D(G(z)) = 0.01$, the slope of $\log(1 - D)$ in the number that goes into $D$'s sigmoid is
# $-0.01$. A generator that badly needs to learn would get next to no gradient. So it wishes 1 for its fakes instead:
#
# $$L_G = -\frac1N \sum_i \log D(G(z_i))$$
#
# The same $G$ makes both perfect, but here the slope is $-(1 - D) = -0.99$: the worse the fake, the stronger the pull.
# This is the *non-saturating* loss, and what nearly everyone uses.

# %%
from mindgan.mlp_gan.losses import discriminator_loss, generator_loss


def probs(value):
    return Tensor(np.full((4, 1), value, np.float32))


print("D(x)  D(G(z))    loss_d    loss_g")
for on_real, on_fake in ((0.99, 0.01), (0.70, 0.30), (0.50, 0.50)):
    loss_d, loss_g = discriminator_loss(probs(on_real), probs(on_fake)), generator_loss(probs(on_fake))
    print(f"{on_real:.2f}     {on_fake:.2f}  {float(loss_d):>8.4f}  {float(loss_g):>8.4f}")
print(f"   2 log 2, log 2 {2 * np.log(2):>8.4f}  {np.log(2):>8.4f}")

# %% [markdown]
# First row: $D$ wins outright, its loss is tiny and the generator's huge. Last row: the coin toss, exactly the two
# numbers from section 1. A healthy training lives between the second row and the third.

# %% [markdown]
# ## 5. One step by hand
#
# A step needs three ingredients: the losses as functions, their gradients, and an optimiser that turns gradients into
# changes of the weights.
#
# `ms.value_and_grad(f, None, weights)` returns a function that computes `f` *and* its gradient with respect to
# `weights`. That last argument is what keeps the players apart: $L_D$ depends on both networks, but its gradient is
# taken in $D$'s weights only, and $L_G$'s in $G$'s only. Nobody may move the opponent's pieces.
#
# The optimiser is Adam, one for each network, with $\beta_1 = 0.5$ instead of the usual 0.9: a shorter memory, because
# the opponent keeps moving and old gradients are soon out of date.

# %%
from mindgan.training.adam import make_adam

start_weights = {
    "generator": {name: p.asnumpy().copy() for name, p in my_generator.parameters_dict().items()},
    "discriminator": {name: p.asnumpy().copy() for name, p in my_discriminator.parameters_dict().items()},
}
my_generator.set_train()
my_discriminator.set_train()
adam = {"lr": config.lr, "beta1": config.beta1, "beta2": config.beta2}
my_optim_d = make_adam(my_discriminator, "optim_d", **adam)
my_optim_g = make_adam(my_generator, "optim_g", **adam)


def forward_d(real_images, latents):
    fake_images = my_generator(latents)
    return discriminator_loss(my_discriminator(real_images), my_discriminator(fake_images))


def forward_g(latents):
    return generator_loss(my_discriminator(my_generator(latents)))


grad_d = ms.value_and_grad(forward_d, None, my_discriminator.trainable_params())
grad_g = ms.value_and_grad(forward_g, None, my_generator.trainable_params())

# %% [markdown]
# Now the step itself. $D$ moves first, then $G$, with the same latents. In between we ask for both losses on the same
# batch, to see what each move does to *both* players:

# %%
real, z = Tensor(real_images), Tensor(latents)


def losses_now():
    return float(forward_d(real, z)), float(forward_g(z))


table = {"at the start": losses_now()}

loss_d, grads_d = grad_d(real, z)
my_optim_d(grads_d)
table["after D's move"] = losses_now()

loss_g, grads_g = grad_g(z)
my_optim_g(grads_g)
table["after G's move"] = losses_now()

print(f"{'':>15}  loss_d   loss_g")
for moment, (now_d, now_g) in table.items():
    print(f"{moment:>15}  {now_d:.4f}   {now_g:.4f}")

# %% [markdown]
# This little table is the whole idea of a GAN:
#
# * At the start both losses are near $2\log 2$ and $\log 2$: $D$ is guessing.
# * $D$'s move lowers its own loss and **raises the generator's**. $G$ did nothing; its opponent got better.
# * $G$'s move lowers its loss and pushes $D$'s up again.
#
# Do this some ninety thousand times, always with new images and new latents, and you have the training.
#
# ### The package does the same
#
# `TrainStep` is this step as one `Cell`, so that graph mode can compile all of it together. We give the package's
# networks the weights that yours started from, let it do one step on the same batch, and compare the losses and every
# trainable weight afterwards.

# %%
from mindgan.mlp_gan.step import TrainStep

for network, part in ((generator, "generator"), (discriminator, "discriminator")):
    for name, parameter in network.parameters_dict().items():
        parameter.set_data(Tensor(start_weights[part][name]))
optim_d, optim_g = make_adam(discriminator, "optim_d", **adam), make_adam(generator, "optim_g", **adam)
step = TrainStep(generator, discriminator, optim_g, optim_d)
package_loss_d, package_loss_g = step(real, z)

pairs = zip(
    [*my_generator.trainable_params(), *my_discriminator.trainable_params()],
    [*generator.trainable_params(), *discriminator.trainable_params()],
    strict=True,
)
weight_difference = max(largest_difference(mine, packaged) for mine, packaged in pairs)
print(f"by hand: loss_d {float(loss_d):.6f}, loss_g {float(loss_g):.6f}")
print(f"package: loss_d {float(package_loss_d):.6f}, loss_g {float(package_loss_g):.6f}")
print(f"largest difference of a weight after the step: {weight_difference:.1e}")
assert abs(float(loss_d) - float(package_loss_d)) < 1e-5
assert abs(float(loss_g) - float(package_loss_g)) < 1e-5

# %% [markdown]
# Your step and the package's are one and the same.
#
# (The weights can differ by more than rounding would have it, up to the length of a step, 0.0002. Adam divides each
# gradient by its own size, so even a tiny gradient moves its weight. For the biases that stand before a batch
# normalisation the true gradient is zero, because the normalisation subtracts them again; what is left of it is
# rounding, and Adam follows that.)

# %% [markdown]
# ## 6. The training
#
# A training is that step in a loop, and everything around it that makes a long loop bearable: shuffled batches, fresh
# latents for every step, samples and checkpoints after every epoch, a log, and the ability to go on after an
# interruption. In this package it is one call. It compiles the step first (graph mode), which takes a few seconds.
#
# In the log, `loss_d` and `loss_g` are the two losses of one step, before its updates. To stop early, interrupt the
# kernel; the step under way is finished and the state saved. Run the cell again to go on. Where the training is
# complete already, only the last lines appear.

# %%
from mindgan.mlp_gan.recipe import train

complete = train(config)

# %% [markdown]
# Everything the run made lies in one folder:

# %%
from mindgan.runtime.run_directory import RunDirectory

run = RunDirectory(config.train_url)
for path in sorted(run.root.iterdir()):
    inside = f"{len(list(path.iterdir()))} files" if path.is_dir() else f"{path.stat().st_size:,} bytes"
    print(f"{path.name + '/' * path.is_dir():<18} {inside}")

# %% [markdown]
# * `images/` holds the 25 fixed latents drawn after every epoch, counted from 0: `test_0.png`, `test_1.png`, ...
# * `checkpoints/` holds both networks after each of the last ten epochs, and the state to go on from
# * `model/` holds the generator as a MindIR file (section 10)
# * `loss.png`, `train_test.gif`, `samples.png` and `real.png` are pictures of the run
# * `report.html` has all of this on one page, with a slider over the epochs: open it in a browser
# * `stats.jsonl` and `events/` hold the losses, for you and for TensorBoard; `log.txt` and `config.json` say how it
#   went and with which settings
#
# The log begins and ends like this:

# %%
lines = [line for line in run.log.read_text().splitlines() if line.startswith("Epoch:")]
shown = lines if len(lines) <= 6 else [*lines[:3], "...", *lines[-3:]]
print(*shown, sep="\n")

# %% [markdown]
# Compare the first line with your step by hand in section 5: the same two losses. The same seed gave the same first
# weights, the same batch and the same latents, and compiled code computes what PyNative does. A run of this package
# can be repeated number for number.

# %% [markdown]
# ## 7. The loss curves
#
# The package draws them at the end of each training; `render` draws them, the film and the report again whenever you
# like, also of a training that you stopped. Thin lines are single steps, bold ones the means of the epochs, dashed ones
# the equilibrium of section 1.

# %%
from mindgan.mlp_gan.results import render

render(run.root)
Image(filename=str(run.loss), width=640)

# %%
from mindgan.runtime import jsonl

stats = jsonl.read_stats(run.stats)
last = stats[-max(len(stats) // 20, 1) :]
final_loss_d, final_loss_g = (float(np.mean([line[name] for line in last])) for name in ("loss_d", "loss_g"))
print(f"{stats[-1]['epoch'] + 1} epochs, {len(stats):,} steps recorded")
print(f"mean of the last twentieth: loss_d {final_loss_d:.3f}, loss_g {final_loss_g:.3f}")

# %% [markdown]
# How to read it:
#
# * **At the very beginning** both curves start at the dashed lines: nobody knows anything. Within a few dozen steps $D$
#   learns to spot the snow, and its loss drops.
# * **Then the generator catches up**, and both means turn towards their dashed lines again. $D$'s loss rises, which
#   is good news.
# * **From epoch 20 or so** (on MNIST) they drift slowly apart again, while the digits still get better. $D$ has half a
#   million weights and sees the same 60,000 images over and over: it begins to know them by heart. We shall catch it
#   at that in section 9.
# * **In the end**, after 200 epochs on MNIST, expect a `loss_d` around 1.2 and a `loss_g` around 1. (The last lines
#   that MindSpore's tutorial prints lie between 1.21 and 1.24, and between 0.90 and 1.07.)
# * **The jitter** never stops. Each player moves the ground under the other one, so nothing settles as it does when you
#   train a classifier.
#
# What the curves do *not* tell is how good the digits look. For that you have to look.
#
# ## 8. The digits as they form
#
# Always the same 25 latents, after more and more epochs:

# %%
import PIL.Image

samples = run.sample_images()
chosen = sorted({round(number) - 1 for number in np.geomspace(1, len(samples), 5)})
figure, panels = plt.subplots(1, len(chosen), figsize=(1.8 * len(chosen), 2.1), layout="constrained", squeeze=False)
for panel, index in zip(panels[0], chosen, strict=True):
    epoch, path = samples[index]
    panel.imshow(PIL.Image.open(path), cmap="gray", vmin=0, vmax=255)
    panel.set_title(f"{epoch + 1} epochs" if epoch else "1 epoch", fontsize=10)
    panel.axis("off")
plt.show()

# %% [markdown]
# Follow one place in the grid from left to right. First there is a blot in the middle of the snow, because that is
# where ink usually is. Then strokes, then a digit, and not always the same one: a latent may be a 9 early and a 6
# later. Last of all the specks fade. With MNIST, the digits resemble the data's after about 100 epochs.
#
# The same as a film. The training has made one already (`train_test.gif`); a smaller one fits better on this page:

# %%
from mindgan.render.gif import save_gif

evenly = sorted({round(number) for number in np.linspace(0, len(samples) - 1, 20)})
frames = [samples[index] for index in evenly]
film = run.root.with_name(f"{digits.name}_form.gif")  # beside the run, which holds only what the training made
save_gif(
    film,
    [np.asarray(PIL.Image.open(path))[::2, ::2] for _, path in frames],  # one pixel a pixel of the digits
    captions=[f"{epoch + 1} epochs" if epoch else "1 epoch" for epoch, _ in frames],
    milliseconds=400,
)
Image(data=film.read_bytes(), format="gif", width=292)

# %% [markdown]
# ## 9. New digits
#
# From here on the discriminator is out of work. `load_sampler` takes a run's newest checkpoint (or a checkpoint or
# MindIR file you name) and sets the generator to inference, where batch normalisation uses its running averages and
# an image no longer depends on what else is in the batch.

# %%
from mindgan.mlp_gan.sample import load_sampler, random_latents

sampler = load_sampler(config.train_url)
new_latents = random_latents(seed=0, num=25, latent_size=sampler.latent_size)
new_digits = sampler.images(new_latents)
show(new_digits, "25 new digits")

# %% [markdown]
# Nobody chose which digits these are; the network was never told that there are ten kinds. Change the seed and you get
# 25 others.
#
# ### Are they really new?
#
# A generator could cheat by learning training images by heart. So we put the nearest training image (by the distance
# of the pixels) below each of ten new digits:

# %%
flat = digits.images.reshape(len(digits.images), -1).astype(np.float32)
squares = (flat**2).sum(axis=1)
nearest = [int((squares - 2 * flat @ digit.reshape(-1).astype(np.float32)).argmin()) for digit in new_digits[:10]]
twins = np.concatenate([new_digits[:10], digits.images[nearest]])
show(twins, "above: new; below: the nearest training image", columns=10, inches=6)

# %% [markdown]
# Where the lower digit has the same shape but other strokes, the upper one is no copy. And where the upper one is no
# digit at all, the pair shows what it was on the way to.
#
# ### What does the discriminator say now?
#
# In section 1 we computed that a perfect generator leaves $D$ at $1/2$. Here is the trained $D$ on new fakes and on
# test images, which it never saw. And, as a question on the side, on images it was trained with:

# %%
from mindgan.data.batches import normalise
from mindgan.mlp_gan.sample import load_network, read_network

_, newest = run.networks("Discriminator")[-1]
trained_d = Discriminator()
load_network(trained_d, read_network(newest), newest)
trained_d.set_train(False)

num = min(2000, len(digits.test_images))
fakes = sampler.generate(random_latents(seed=1, num=num, latent_size=sampler.latent_size))
d_on_fake = trained_d(Tensor(fakes)).asnumpy()
d_on_test = trained_d(Tensor(normalise(digits.test_images[:num]))).asnumpy()
d_on_train = trained_d(Tensor(normalise(digits.images[:num]))).asnumpy()

plt.figure(figsize=(6, 2.6))
bins = np.linspace(0, 1, 41)
plt.hist(d_on_test[:, 0], bins=bins, alpha=0.6, color="#000000", label=f"test images: mean {d_on_test.mean():.2f}")
plt.hist(d_on_fake[:, 0], bins=bins, alpha=0.6, color="#009E73", label=f"fakes: mean {d_on_fake.mean():.2f}")
plt.axvline(0.5, color="#0072B2", linestyle="--", linewidth=1)
plt.xlabel("D's answer")
plt.ylabel("images")
plt.legend(frameon=False, fontsize=9)
plt.show()
print(f"mean of D: {d_on_fake.mean():.3f} on fakes, {d_on_test.mean():.3f} on test images,", end=" ")
print(f"{d_on_train.mean():.3f} on training images")

# %% [markdown]
# Two heaps, real and fake; the dashed line is the coin toss. Where they overlap, $D$ cannot tell. The farther apart
# they are, the more $D$ still knows, and the more there is left for $G$ to learn.
#
# And the question on the side: after a long training the mean on training images is clearly above that on test images.
# Both are real digits of the same kind, so a $D$ that had only learned what digits look like would rate them alike.
# This one remembers. That is where the slow drift in the loss curves comes from.
#
# ### A walk from digit to digit
#
# Has the generator learned some digits, or a whole *space* of them? Take two latents and go from one to the other. If
# digits flow into each other and what lies between still looks drawn, it has understood something.
#
# Not in a straight line, though. Remember the thin shell of section 2: half way along the line, the vector is much too
# short.

# %%
start, end = random_latents(seed=5, num=2, latent_size=sampler.latent_size)
print(f"lengths: start {np.linalg.norm(start):.1f}, end {np.linalg.norm(end):.1f},", end=" ")
print(f"middle of the line {np.linalg.norm((start + end) / 2):.1f}")

# %% [markdown]
# The generator never saw such short vectors while it trained. So `walk_latents` goes along the arc (*spherical
# interpolation*), which stays in the shell. With the angle $\omega$ between the ends and $t$ from 0 to 1:
#
# $$z(t) = \frac{\sin((1 - t)\,\omega)}{\sin \omega} z_0 + \frac{\sin(t\,\omega)}{\sin \omega} z_1$$
#
# Four stops, ten images from one to the next, and back to the first:

# %%
from mindgan.mlp_gan.sample import walk_latents

walk = sampler.images(walk_latents(seed=2, num_frames=40, latent_size=sampler.latent_size, num_points=4))
show(walk, "row by row: from one latent to the next", columns=10, inches=6)

# %% [markdown]
# The first image of each row is a stop; the rest lead to the next row's first. And as a film:

# %%
walk_film = run.root.with_name(f"{digits.name}_walk.gif")
save_gif(walk_film, [image[0].repeat(5, axis=0).repeat(5, axis=1) for image in walk], milliseconds=80, hold_last_ms=80)
Image(data=walk_film.read_bytes(), format="gif", width=140)

# %% [markdown]
# ## 10. A file that runs without this package
#
# A checkpoint holds numbers only; whoever loads it needs the Python code of the network. A **MindIR** file holds the
# compiled graph with its weights. MindSpore, and MindSpore Lite on a phone, run it without a line of ours.
#
# The training wrote one at its end, in `model/`. By hand it goes like this. `export_generator` trusts nobody: it loads
# the file in a fresh process that does not know mindgan, compares the images, and keeps the file only if they agree.

# %%
from mindgan.export import export_generator
from mindgan.mlp_gan.sample import load_generator, newest_checkpoint

difference = export_generator(load_generator(newest_checkpoint(run.root)), run.mindir)

# %% [markdown]
# And this is all that the owner of the file has to do, with any number of latents at a time:

# %%
mindir = nn.GraphCell(ms.load(str(run.mindir)))
from_file = mindir(Tensor(new_latents)).asnumpy()
mindir_difference = float(np.abs(from_file - sampler.generate(new_latents)).max())
print(f"{from_file.shape[0]} images, largest difference from the sampler's: {mindir_difference:.1e}")
assert mindir_difference < 1e-4

# %% [markdown]
# On the command line, the same things are
#
# ```text
# mindgan mnist --train_url ./result                       train
# mindgan generate --source ./result --walk_frames 60      draw
# mindgan export --source ./result                         write the MindIR file
# mindgan render --run ./result                            draw curves, film and report again
# mindgan metrics --source ./result                        measure
# ```

# %% [markdown]
# ## 11. What good looks like
#
# On MNIST, with the default settings. The losses are means over the last of these epochs, the digits come after it:
#
# | after | `loss_d` | `loss_g` | the digits |
# |---|---|---|---|
# | the first step | 1.36 | 0.73 | snow |
# | 1 epoch | 1.22 | 0.95 | blots and strokes in snow |
# | 2 epochs | 1.17 | 1.16 | some can be guessed |
# | 10 epochs | 1.25 | 1.03 | many can be read; ragged edges, specks |
# | 20 epochs | 1.30 | 0.87 | most can be read |
# | 50 epochs | 1.30 | 0.88 | firm strokes, few specks |
# | 100 epochs | 1.27 | 0.93 | like the data's |
# | 200 epochs | 1.22 | 1.02 | clean; now and then one that is no digit |
#
# Yours will differ by a few hundredths with another seed, and single steps jitter by a tenth or two around the means.
#
# And when it does not look like that:
#
# * **`loss_d` falls to 0 and `loss_g` climbs to 5 and more.** $D$ has won, and $G$ gets no useful gradient any more.
#   Check first that real and fake images have the same range; then try a lower learning rate for $D$.
# * **Many samples look alike, some digits never come.** *Mode collapse*: $G$ found a few images that please $D$ and
#   draws only those. Try a larger batch, a lower learning rate, another seed.
# * **The losses stay at 1.386 and 0.693, and the images stay snow.** Nothing is learned. Was each optimiser given its
#   own network's weights, and is it called?
# * **A loss is `nan`.** Somewhere a number overflowed, most often because the learning rate is far too high. Go back to
#   the last good checkpoint and lower it.
# * **Samples are good during the training and streaky afterwards.** Batch normalisation is in the wrong mode
#   (`set_train(False)` before you sample), or its `momentum` was meant in another framework's sense.
# * **The strokes are there, with specks around them.** It has not trained long enough, most often: they fade over a
#   hundred epochs.
# * **Digits look washed out or inverted.** The pixels were not brought back from $[-1, 1]$ to $[0, 255]$ as they came;
#   `mindgan.render.grids.to_uint8` does it.
# * **The second run differs from the first.** Some random number has no seed. In this package they all come from
#   `mindgan.runtime.randomness`.
#
# One number instead of a look: `mindgan metrics` computes a Fréchet distance (smaller is better) and how evenly the ten
# digits come.

# %% [markdown]
# ## 12. Exercises
#
# Each needs a few lines and `short` or even `smoke`. Use a `train_url` of its own for each training.
#
# 1. **Moving the opponent's pieces.** In section 5, let `grad_d` differentiate in the weights of *both* networks, and
#    make $D$'s optimiser an `nn.Adam` over both. What happens to `loss_g` at $D$'s move, and why is that cheating?
# 2. **The saturating loss.** Let $D$ make thirty moves with $G$ standing still. Then compute the gradient of $L_G$, and
#    that of $\frac1N \sum_i \log(1 - D(G(z_i)))$, in $G$'s weights. How many times longer is the first?
# 3. **A smaller space.** Train with `MlpGanConfig(latent_size=2, ...)`. Then draw a grid of latents over the plane, 15
#    by 15, from -2 to 2. What lies next to what?
# 4. **Momentum.** Train with `beta1=0.9`. Compare the loss curves.
# 5. **Arithmetic.** Find two latents that give a thin and a thick version of the same digit. Add their difference to
#    other latents. Does it thicken those too?
# 6. **Without normalisation.** Leave every `nn.BatchNorm1d` out of `HandmadeGenerator` and do a hundred steps by hand,
#    each with its own batch and latents. How do the 25 fixed latents look, beside those of the whole network?
#
# To read on: [Goodfellow and others (2014)](https://arxiv.org/abs/1406.2661), the first GAN, eight pages;
# [Ioffe and Szegedy (2015)](https://arxiv.org/abs/1502.03167) on batch normalisation;
# [Kingma and Ba (2015)](https://arxiv.org/abs/1412.6980) on Adam.
