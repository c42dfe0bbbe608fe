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
# # CycleGAN: one kind of picture into another, without pairs
#
# In the first lesson a generator drew digits out of noise. Here it gets a picture and *redraws* it as another kind:
# white digits on black become coloured outlines on white paper. Nobody ever shows it a digit beside its outline.
#
# 1. translating without pairs
# 2. the two domains, and batches of them
# 3. the generator
# 4. the discriminator, and what a score map is
# 5. the losses, by hand
# 6. the pool of old fakes
# 7. one training step by hand
# 8. the whole training
# 9. the curves
# 10. the translations as they form
# 11. digits it never saw, and whether they are right
# 12. pictures of another size
# 13. what goes wrong
# 14. your own pictures
# 15. exercises
#
# The model is that of [Zhu, Park, Isola and Efros (2017)](https://arxiv.org/abs/1703.10593), who turned horses into
# zebras and photographs into Monets. You need the first lesson, or to know what a generator, a discriminator and an
# optimiser do.

# %% [markdown]
# ## Before we start
#
# As before, the environment variable `MINDGAN_TUTORIAL_SIZE` says how much is trained:
#
# | size | networks | epochs | on two CPU cores |
# |---|---|---|---|
# | `smoke` | tiny | 1 | under a minute; next to nothing is learned |
# | `short` | small | 5 | a few minutes; outlines, not quite clean |
# | `full` (the default) | small | 10 | some five minutes; what the lesson is about |
#
# The data come with mindgan. **You can stop the training and run its cell again; it goes on where it stopped.**

# %%
import os

import mindgan

SIZES = {
    "smoke": {
        **{"max_epoch": 1, "batch_size": 8, "log_frequency": 10},
        **{"image_height": 16, "image_width": 16, "ngf": 4, "ndf": 4, "num_blocks": 1, "num_layers": 2},
        "train_url": "./result_tutorial/outlines_smoke",  # other networks, so another run
    },
    "short": {"max_epoch": 5},
    "full": {},
}
SIZE = os.environ.get("MINDGAN_TUTORIAL_SIZE", "full")
device = mindgan.configure(mode="pynative")
print(f"size {SIZE}, computing on {device}")

# %%
import matplotlib.pyplot as plt
import mindspore as ms
import numpy as np
from IPython.display import Image
from mindspore import Tensor

from mindgan.render.grids import image_grid, to_uint8

plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})


def show(images, title, columns=10, inches=7.0):
    """Shows uint8 images [N, 3, H, W] as a grid."""
    sheet = image_grid(images, columns=columns, scale=2)
    plt.figure(figsize=(inches, inches * sheet.shape[0] / sheet.shape[1] + 0.3), layout="constrained")
    plt.imshow(sheet)
    plt.title(title, fontsize=10)
    plt.axis("off")
    plt.show()


# %% [markdown]
# ## 1. Translating without pairs
#
# Suppose you want to turn photographs into paintings. The obvious way is to learn from pairs: this photograph, and how
# Monet painted the very same view. But Monet is dead, and nobody can take a photograph of a zebra that stands exactly
# as this horse does. Pairs are rare. What there is plenty of is *two heaps*: photographs, and paintings.
#
# Call the heaps domain $A$ and domain $B$. Two things can be asked of a translation $G_A: A \to B$ without any pair:
#
# * **It should look like $B$.** That is a GAN as you know it: a discriminator $D_A$ tells real images of $B$ from
#   translated ones, and $G_A$ learns to be mistaken for real.
# * **It should still be the same thing.** A generator could please $D_A$ by drawing one beautiful outline of a 3
#   whatever it is shown. So a second generator $G_B: B \to A$ learns the way back, and *there and back again must lead
#   to where you came from*:
#
# $$G_B(G_A(a)) \approx a, \qquad G_A(G_B(b)) \approx b.$$
#
# That is the *cycle* in the name. From the outline of a 3 nobody can find the way back to the 7 that was put in; so
# what $G_A$ draws has to keep what is needed to tell which digit it was.
#
# There is a discriminator for each direction, which makes four networks. Mind their names, which are those of the
# paper's code: the letter says where the *translation starts*. $D_A$ judges what $G_A$ draws, which is images of $B$.
#
# | | takes | gives |
# |---|---|---|
# | `G_A` | an image of $A$ | an image of $B$ |
# | `G_B` | an image of $B$ | an image of $A$ |
# | `D_A` | an image of $B$, real or drawn by `G_A` | scores: near 1 real, near 0 fake |
# | `D_B` | an image of $A$, real or drawn by `G_B` | the same |

# %% [markdown]
# ## 2. The two domains
#
# Domain $A$ is made of handwritten digits, white on black. Domain $B$ is made of *other* handwritten digits: their
# outlines on white, in colours that go from red at the top of the image to violet at its bottom. (No digit reaches
# quite that far, so they begin with orange and end with blue.)

# %%
from mindgan.data.decode import decode_item
from mindgan.data.digit_domains import digit_domains

domains = digit_domains()


def pixels(images):
    """The images of a set: uint8 [N, 3, H, W]."""
    return np.stack([decode_item(item, channels=3) for item in images.items])


train_A, train_B = pixels(domains.source), pixels(domains.target)
test_A, test_B = pixels(domains.source_test), pixels(domains.target_test)
print(f"training: {len(train_A)} of A, {len(train_B)} of B; tests: {len(test_A)} and {len(test_B)}")
print("an image:", train_A.shape[1:], train_A.dtype)
show(np.concatenate([train_A[:10], train_B[:10]]), "training images; above: domain A, below: domain B")

# %% [markdown]
# No digit is in both heaps, and what stands above each other has nothing to do with each other. The test images, which
# the training never sees, do come in pairs, so that in section 11 we can look up what would have been right:

# %%
show(np.concatenate([test_A[:10], test_B[:10]]), "test images: the same digits in both domains")

# %% [markdown]
# Why the rainbow? Because it makes the task honest. To paint the right colours, the generator has to find out where in
# the image a stroke is; copying the digit and changing all white into one colour would not do.
#
# ### Batches
#
# `UnpairedBatches` draws from each heap by itself. Every image is resized a little larger than needed, to 286/256 of
# the size, then cropped to it at a random place, and mirrored half of the time. So the networks hardly ever see
# exactly the same image twice, which helps most where images are few.
#
# (Mirrored digits are no digits. For a translation that does not matter: it has to redraw strokes, not to read them.)
#
# `PRESETS["small"]` has settings for a laptop: 32 pixels, small networks, ten epochs.

# %%
from mindgan.cyclegan.config import PRESETS, CycleGanConfig
from mindgan.cyclegan.recipe import make_batches

settings = {**PRESETS["small"], "log_frequency": 31, "train_url": "./result_tutorial/outlines", **SIZES[SIZE]}
config = CycleGanConfig(**settings)
batches = make_batches(domains, config)
real_A, real_B = batches.batch(0)
print(f"resized to {batches.load_size}, cropped to {batches.size}; {batches.steps_per_epoch} steps in an epoch")
print(f"a batch: {real_A.shape} and {real_B.shape}, from {real_A.min()} to {real_A.max()}")

num = config.batch_size
several = [batches.batch(index * num) for index in range(1 + 9 // num)]
crops_A, crops_B = (to_uint8(np.concatenate(images)[:10]) for images in zip(*several, strict=True))
show(np.concatenate([crops_A, crops_B]), "the first images of a training, resized, cropped and mirrored")

# %% [markdown]
# ## 3. The generator
#
# It is a convolutional network in three parts, after [Johnson, Alahi and Fei-Fei (2016)](https://arxiv.org/abs/1603.08155):
#
# | part | layers | size | channels (here; in the paper four times as many) |
# |---|---|---|---|
# | down | a 7x7 convolution, two 3x3 of stride 2 | 32, 16, 8 | 16, 32, 64 |
# | redraw | 3 *residual blocks* (the paper: 9) | 8 | 64 |
# | up | two transposed convolutions, a 7x7 convolution | 16, 32, 32 | 32, 16, 3 |
#
# A residual block adds something to what comes in, $x + f(x)$. Where nothing is to be changed, $f$ only has to be
# small, so a network of such blocks finds it easy to keep what it is given. Just the thing for redrawing.
#
# ### Instance norm
#
# After most convolutions, every channel of every image is brought to mean 0 and variance 1, *over its own pixels*:
#
# $$y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}$$
#
# The first lesson's batch norm took $\mu$ and $\sigma$ over the whole batch, so an image's output depended on its
# company. Here every image is by itself. What that does to contrast: one outline three times, as it is, with a third of
# its contrast, and darker; below each its green channel after the norm. By hand in NumPy, and beside it the package's
# layer, which works with channels last.

# %%
from mindgan.layers.normalisation import InstanceNorm


def norm_by_hand(x):
    """x [N, C, H, W]."""
    mean = x.mean(axis=(2, 3), keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=(2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5)


def channels_last(x):
    return Tensor(np.ascontiguousarray(x.transpose(0, 2, 3, 1), dtype=np.float32))


def channels_first(y):
    return y.asnumpy().transpose(0, 3, 1, 2)


outline = test_B[4].astype(np.float64) / 127.5 - 1
versions = np.stack([outline, outline / 3, 0.5 * outline - 0.5])
normed = norm_by_hand(versions)
norm_difference = np.abs(channels_first(InstanceNorm()(channels_last(versions))) - normed).max()

figure, panels = plt.subplots(2, 3, figsize=(6, 4.2), layout="constrained")
titles = ("as it is", "a third of the contrast", "half of it, and darker")
for column, title in enumerate(titles):
    panels[0, column].imshow(to_uint8(versions[column]).transpose(1, 2, 0))
    panels[0, column].set_title(title, fontsize=10)
    panels[1, column].imshow(normed[column, 1], cmap="gray", vmin=-5, vmax=2)
    panels[1, column].set_title("normalised", fontsize=10)
for panel in panels.flat:
    panel.axis("off")
plt.show()
for name, measure in (("means", np.mean), ("deviations", np.std)):
    before, after = (np.round(measure(green[:, 1], axis=(1, 2)), 2) + 0 for green in (versions, normed))
    print(f"{name:<10} {before} -> {after}")
print(f"largest difference to mindgan.layers: {norm_difference:.1e}")
assert norm_difference < 1e-4

# %% [markdown]
# Three different images go in, one comes out. Brightness and contrast belong to the style of a picture, and a style is
# what the generator is to replace; instance norm throws the old one away, layer by layer.
#
# ### Reflection padding
#
# A 7x7 convolution looks three pixels beyond the edge. Something has to be there. The usual filling is zeros; but our
# pixels lie between -1 and 1, and 0 is a mid-grey. Within the dashes, a piece of an image; outside, what is filled in:

# %%
part = outline[:, 6:24, 6:20]  # of the image, so that there are strokes at the edge
margins = ((0, 0), (3, 3), (3, 3))
padded = {"zeros": np.pad(part, margins), "mirrored": np.pad(part, margins, "reflect")}
figure, panels = plt.subplots(1, 2, figsize=(5, 3.2), layout="constrained")
for panel, (title, image) in zip(panels, padded.items(), strict=True):
    panel.imshow(to_uint8(image).transpose(1, 2, 0))
    panel.add_patch(plt.Rectangle((2.5, 2.5), 14, 18, fill=False, edgecolor="black", linestyle="--"))
    panel.set_title(title, fontsize=10)
    panel.axis("off")
plt.show()
print("a row   ", [1, 2, 3, 4, 5])
print("mirrored", np.pad([1, 2, 3, 4, 5], 3, "reflect").tolist())

# %% [markdown]
# With zeros, every image has a grey frame, which the generator sees and has to learn to ignore; what is left of it
# shows in the results as a rim. Mirroring goes on with what is there anyway. Note that the edge pixel itself (the 1 and
# the 5) is not repeated.
#
# ### What untrained generators draw
#
# `make_state` makes all four networks with their optimisers and pools, as the settings say:

# %%
from mindgan.cyclegan.state import make_state

cells = make_state(config).cells
G_A, G_B, D_A, D_B = (cells[name] for name in ("G_A", "G_B", "D_A", "D_B"))
for name in ("G_A", "D_A"):
    print(f"{name}: {sum(parameter.size for parameter in cells[name].trainable_params()):,} numbers")
A, B = Tensor(real_A), Tensor(real_B)
fake_B, fake_A = G_A(A), G_B(B)
show(
    to_uint8(np.concatenate([real_A[:3], real_B[:3], fake_B.asnumpy()[:3], fake_A.asnumpy()[:3]])),
    "left: A, below it G_A(A); right: B, below it G_B(B)",
    columns=6,
    inches=4.2,
)

# %% [markdown]
# ## 4. The discriminator
#
# The first lesson's discriminator gave one number an image. This one, called *PatchGAN*, gives a **map of scores**, of
# which each says how real *one patch* of the image looks. It asks "is this painted in the style of $B$?" in many
# places, and leaves the question of what is in the picture to the cycle. That takes far fewer weights, and works for
# images of any size.
#
# How large is a patch? Go backwards from one score through the convolutions. $n$ pixels in a row behind a convolution
# of kernel $k$ and stride $s$ see $(n - 1) s + k$ pixels before it:

# %%
layers = [(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)]  # kernel and stride of the five convolutions, first to last
field = 1
for kernel, stride in reversed(layers):
    field = (field - 1) * stride + kernel
    print(f"kernel {kernel}, stride {stride}: sees {field:2d} pixels")

# %% [markdown]
# Seventy, so this is the "70 by 70 PatchGAN". We can see it, too. Below is a discriminator on an image of 128 pixels,
# and for one of its scores how much each pixel matters: the size of its gradient.

# %%
from mindgan.cyclegan.networks import PatchDiscriminator
from mindgan.runtime import randomness

ms.set_seed(1)
judge = PatchDiscriminator(ndf=16)
noise = Tensor(randomness.generator(0, "noise").uniform(-1, 1, (1, 3, 128, 128)).astype(np.float32))
score_map = judge(noise).asnumpy()[0, 0]
gradient = ms.grad(lambda image: judge(image)[0, 0, 7, 7])(noise).asnumpy()[0]
matters = np.log10(np.abs(gradient).max(axis=0) + 1e-12)
along_rows = matters.max(axis=1)
is_seen = along_rows > along_rows[:20].max() + 0.2  # the first rows are far away
print("score map:", score_map.shape, " rows that matter much for score (7, 7):", is_seen.sum())

figure, panels = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
drawn = panels[0].imshow(score_map, cmap="viridis")
panels[0].add_patch(plt.Rectangle((6.5, 6.5), 1, 1, fill=False, edgecolor="red", linewidth=2))
panels[0].set_title("scores of an image of 128 pixels", fontsize=10)
figure.colorbar(drawn, ax=panels[0])
drawn = panels[1].imshow(matters, cmap="magma", vmin=-4, vmax=0)
panels[1].set_title("what the marked score sees", fontsize=10)
figure.colorbar(drawn, ax=panels[1], label="gradient, power of ten")
plt.show()

# %% [markdown]
# A square of 70 pixels, brighter in its middle, where more paths lead to the score. The faint glow around it comes
# from instance norm: mean and variance are of the whole image, so every pixel has a tiny say in every score.
#
# Our digits are smaller than a patch: on 32 pixels the map has four scores, and each sees the whole image (with its
# centre of attention in another corner). On photographs of 256 pixels it has 30 by 30.

# %%
scores = D_A(fake_B)
print("a batch of images", fake_B.shape, "-> scores", scores.shape)

# %% [markdown]
# ## 5. The losses, by hand
#
# **Least squares** ([Mao and others, 2017](https://arxiv.org/abs/1611.04076)) instead of the first lesson's
# cross-entropy: scores are plain numbers, and a discriminator wants 1 for real and 0 for fake, by the squared error.
# It has half of the sum of both, so that it learns at half the pace. The generator wants 1 for its fakes:
#
# $$L_{D_A} = \tfrac12 \big( \operatorname{mean} (D_A(b) - 1)^2 + \operatorname{mean} D_A(G_A(a))^2 \big), \qquad
# L_{G_A} = \operatorname{mean} (D_A(G_A(a)) - 1)^2$$
#
# A squared error still pulls where a sigmoid would be flat: a fake that is far from 1 feels it the more, the farther it
# is. Where $D_A$ cannot tell, it says $1/2$ to everything, and both losses are **0.25**. Keep that number in mind.
#
# **Cycle**: the mean absolute difference between an image and what comes back, times $\lambda = 10$. Absolute, not
# squared, as squares prefer blurred images.
#
# **Identity**: an image that *is* of domain $B$ already should be left alone by $G_A$; times $\lambda / 2$. It keeps
# generators from changing colours without need.

# %%
from functools import partial

from mindgan.cyclegan.losses import discriminator_loss, distance, least_squares

again_A, again_B = G_B(fake_B), G_A(fake_A)
same_B, same_A = G_A(B), G_B(A)
scores_of = {"real_B": D_A(B), "fake_B": D_A(fake_B), "real_A": D_B(A), "fake_A": D_B(fake_A)}


def eight_losses(score_loss, judged, distance):
    """By name, with the functions for scores, for real and fake scores together, and for images."""
    return {
        "G_A": score_loss(scores_of["fake_B"], 1.0),
        "cycle_A": 10 * distance(again_A, A),
        "idt_A": 5 * distance(same_B, B),
        "G_B": score_loss(scores_of["fake_A"], 1.0),
        "cycle_B": 10 * distance(again_B, B),
        "idt_B": 5 * distance(same_A, A),
        "D_A": judged(scores_of["real_B"], scores_of["fake_B"]),
        "D_B": judged(scores_of["real_A"], scores_of["fake_A"]),
    }


def squared_error(scores, target):
    return ((scores.asnumpy().astype(np.float64) - target) ** 2).mean()


def half_sum(real_scores, fake_scores):
    return (squared_error(real_scores, 1) + squared_error(fake_scores, 0)) / 2


def absolute_error(images, others):
    return np.abs(images.asnumpy().astype(np.float64) - others.asnumpy()).mean()


by_hand = eight_losses(squared_error, half_sum, absolute_error)
by_package = eight_losses(least_squares, partial(discriminator_loss, least_squares), distance)
by_package = {name: float(loss) for name, loss in by_package.items()}
print("            by hand  mindgan.cyclegan.losses")
for name, loss in by_hand.items():
    print(f"{name:>10} {loss:>8.5f}  {by_package[name]:.5f}")
assert np.allclose(list(by_hand.values()), list(by_package.values()), rtol=1e-4)

# %% [markdown]
# These eight numbers are what the log of a training shows. Nobody has learned anything yet: scores are random numbers
# around zero, and the adversarial losses come out accordingly. By far the largest losses are those of the cycle and
# the identity, so the first thing that the generators learn will be to keep things as they are.

# %% [markdown]
# ## 6. The pool of old fakes
#
# A discriminator that only ever sees the newest fakes forgets the old ones. The generator can then go round in circles:
# back to a trick that worked a hundred steps ago. So each discriminator has a **pool** of 50 fakes of the past. A new
# fake is either shown as it is, or it is put into the pool and an old one from there is shown in its place.
#
# `exchange` says what happens, by the run's seed, to the fakes of one step, and `ImagePool` does it. Here with a pool
# of three, one fake a step; "image" number 4 has 4 as all its pixels.

# %%
from mindgan.cyclegan.image_pool import ImagePool, exchange

POOL_SIZE = 3
pool = ImagePool(POOL_SIZE, (1, 2, 2))
contents = [None] * POOL_SIZE
pool_agrees = True
print("new fake  shown to D  in the pool afterwards")
for nimg in range(10):
    change = exchange(1, nimg, 1, POOL_SIZE, "a tiny pool")
    place, fake = int(change.places[0]), nimg + 1
    shown = contents[change.taken[0]] if change.taken[0] < POOL_SIZE else fake
    if place < POOL_SIZE:
        contents[place] = fake
    image = Tensor(np.full((1, 1, 2, 2), fake, np.float32))
    from_cell = pool(image, Tensor(change.taken), Tensor(change.places))
    pool_agrees &= float(from_cell.mean()) == shown
    print(f"{fake:8d}  {shown:10d}  {[number or '-' for number in contents]}")
assert pool_agrees

# %% [markdown]
# While the pool fills up, every fake is shown and kept. From then on a coin decides: shown only, or swapped with one
# of the three.

# %% [markdown]
# ## 7. One step by hand
#
# `GeneratorLosses` and `DiscriminatorLosses` compute what you computed above, and `ms.value_and_grad` gives gradients:
# those of the first in the weights of both generators only, of the second in both discriminators' only. Both generators
# move first, then both discriminators, on the fakes that the generators drew *before* their move.

# %%
from mindgan.cyclegan.step import LOSS_NAMES, DiscriminatorLosses, GeneratorLosses, TrainStep, Weights

change_A, change_B = (exchange(config.seed, 0, num, config.pool_size, f"fakes of {domain}") for domain in "AB")
four = (G_A, G_B, D_A, D_B)
generator_losses = GeneratorLosses(*four, least_squares, Weights(cycle_A=10, cycle_B=10, identity=0.5))
discriminator_losses = DiscriminatorLosses(D_A, D_B, least_squares)
optim_G, optim_D = cells["optim_G"], cells["optim_D"]
grad_G = ms.value_and_grad(generator_losses, None, optim_G.parameters, has_aux=True)
grad_D = ms.value_and_grad(discriminator_losses, None, optim_D.parameters, has_aux=True)


def losses_now():
    outputs = generator_losses(A, B)  # their sum, the six losses, then fake_B, rec_A, fake_A, rec_B
    return [float(loss) for loss in (*outputs[1:7], *discriminator_losses(A, B, outputs[9], outputs[7])[1:])]


table = {"at the start": list(by_hand.values())}

outputs, grads_G = grad_G(A, B)
optim_G(grads_G)
table["generators moved"] = losses_now()

drawn_B, drawn_A = outputs[7], outputs[9]
seen_A = cells["pool_A"](drawn_A, Tensor(change_A.taken), Tensor(change_A.places))
seen_B = cells["pool_B"](drawn_B, Tensor(change_B.taken), Tensor(change_B.places))
losses_D, grads_D = grad_D(A, B, seen_A, seen_B)
optim_D(grads_D)
table["discriminators moved"] = losses_now()

hand_losses = [float(value) for value in (*outputs[1:7], *losses_D[1:])]
print(f"{'':>20}" + "".join(f"{name:>9}" for name in LOSS_NAMES))
for moment, values in table.items():
    print(f"{moment:>20}" + "".join(f"{value:>9.4f}" for value in values))

# %% [markdown]
# * The generators' move lowers all six of their losses. Most of the discriminators' go up: the opponent got better.
# * The discriminators' move lowers theirs and leaves cycle and identity alone, which it has no part in. What it does to
#   `G_A` and `G_B` can go either way this early: they first learn that 1/2 for everything is a better guess than
#   random numbers, and only later which image is which.
#
# `TrainStep` is all of it in one Cell, which graph mode compiles. From the same start, on the same batch:

# %%
fresh = make_state(config).cells
fresh_four = [fresh[name] for name in ("G_A", "G_B", "D_A", "D_B")]
step = TrainStep(
    GeneratorLosses(*fresh_four, least_squares, Weights()),
    DiscriminatorLosses(*fresh_four[2:], least_squares),
    *(fresh[name] for name in ("optim_G", "optim_D", "pool_A", "pool_B")),
)
changes = (change_A.taken, change_A.places, change_B.taken, change_B.places)
package_losses = step(A, B, *map(Tensor, changes)).asnumpy().tolist()
pairs = [
    (mine.asnumpy(), theirs.asnumpy())
    for name in ("G_A", "G_B", "D_A", "D_B")
    for mine, theirs in zip(cells[name].trainable_params(), fresh[name].trainable_params(), strict=True)
]
weight_difference = max(float(np.abs(mine - theirs).max()) for mine, theirs in pairs)
loss_difference = float(np.abs(np.subtract(hand_losses, package_losses)).max())
print(f"largest difference of a loss {loss_difference:.1e}, of a weight after the step {weight_difference:.1e}")
assert loss_difference < 1e-4

# %% [markdown]
# ## 8. The training
#
# Learning rates stay as they are for the first half of the epochs, and fall in a line towards zero in the second: the
# four networks stop pushing each other around, and details settle. `factor` is what the first rate is multiplied by
# in each epoch. There are other policies to choose from:

# %%
from mindgan.training.schedules import factor

plt.figure(figsize=(6.5, 2.8), layout="constrained")
epochs = np.arange(200)
for policy in ("linear", "step", "cosine"):
    shares = [factor(policy, epoch, epochs=200, decay_epochs=100, step_epochs=50) for epoch in epochs]
    plt.plot(epochs, shares, label=policy, linewidth=2, drawstyle="steps-post")
plt.xlabel("epoch, of 200 as in the paper")
plt.ylabel("factor")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# Now the whole training, through the operator that ModelArts would call too. It trains, saves the networks, draws the
# curves, and in the end translates every source image into the folder `Data/`, with a manifest. Compiling takes a while
# before the first line comes. Its losses are those of your step by hand in section 7: the same seed, the same batch.

# %%
from mindgan.modelarts.operators import cyclegan

complete = cyclegan(config)

# %%
from mindgan.runtime.run_directory import RunDirectory

run = RunDirectory(config.train_url)
for path in sorted(run.root.iterdir()):
    inside = f"{len(list(path.iterdir()))} files" if path.is_dir() else f"{path.stat().st_size:,} bytes"
    print(f"{path.name + '/' * path.is_dir():<18} {inside}")

# %% [markdown]
# * `model/` has the networks after every fifth epoch and the last: a `.ckpt` of all four, and `G_A` as a `.mindir`
# * `samples/` has rows of source, translation and reconstruction after every epoch
# * `Data/` has the source images, translated; `output_0.manifest` lists them
# * `report.html` shows all of it on one page, with a slider to pull across from source to translation
# * `checkpoints/` has the state to go on from

# %% [markdown]
# ## 9. The curves

# %%
Image(filename=str(run.loss), width=900)

# %%
from mindgan.runtime import jsonl

stats = jsonl.read_stats(run.stats)
last = stats[-max(len(stats) // 10, 1) :]
final = {name: float(np.mean([line[name] for line in last])) for name in LOSS_NAMES}
print("at the start:", ", ".join(f"{name} {stats[0][name]:.2f}" for name in LOSS_NAMES))
print("last tenth:  ", ", ".join(f"{name} {final[name]:.2f}" for name in LOSS_NAMES))

# %% [markdown]
# How to read them:
#
# * **Cycle and identity fall**, fast at first and then slowly. These are ordinary losses: lower is better. Divided by
#   10 (and by 5), they are the mean error of a pixel between -1 and 1.
# * **The adversarial losses** start anywhere, then the discriminators take the lead, and then come back to 0.25: they
#   can hardly tell any more. On photographs they usually keep their lead, with $D$ below 0.25 and $G$ above, which is
#   healthy as long as $D$ does not sink to zero.
# * As in the first lesson, no curve says how good the images look.
#
# ## 10. The translations as they form
#
# Before the first epoch and after each, the same four source images are translated. From left to right, source,
# translation, and the way back:

# %%
import PIL.Image

from mindgan.render.gif import save_gif

rows = [run.sample_rows_of(index) for index in range(config.num_samples)]
frames, captions = [], []
for moment in zip(*rows, strict=True):
    strip = np.concatenate([np.pad(np.asarray(PIL.Image.open(path)), ((0, 4), (0, 0), (0, 0))) for _, path in moment])
    frames.append(strip.repeat(2, axis=0).repeat(2, axis=1))
    captions.append(f"epoch {moment[0][0]}")
film = run.root.with_name(f"{run.root.name}_form.gif")  # beside the run, which holds only what the training made
save_gif(film, frames, captions=captions, milliseconds=700)
Image(data=film.read_bytes(), format="gif", width=312)

# %% [markdown]
# The large things happen in the first epoch: black has become white, and the colours run from top to bottom. But the
# strokes are smeared, and on the way back the holes of the 8 and the 9 are filled. In the epochs that follow, the
# outline parts into an outer and an inner line, and the holes come back: whether there is a hole has to be told by the
# outline, or else the cycle could not be closed. The second half, with falling learning rates, only cleans up.

# %% [markdown]
# ## 11. Digits it never saw
#
# `load_translator` takes a run's newest checkpoint. Both directions, on the test images:

# %%
from mindgan.cyclegan.translate import load_translator

mindgan.configure(mode="pynative")  # the training chose graph mode, which compiles anew for every size of an image
there = load_translator("--train_url", config.train_url, "AtoB")
back = load_translator("--train_url", config.train_url, "BtoA")


def translated(translator, images):
    return np.concatenate([translator.batch(part) for part in np.array_split(images, max(len(images) // 50, 1))])


outlines = translated(there, test_A)
again = translated(back, outlines)
digits = translated(back, test_B[:10])
show(
    np.concatenate([images[:10] for images in (test_A, outlines, test_B, again)]),
    "row by row: test digit; translated; what would be right; and back again",
)

# %% [markdown]
# And the other direction, outlines to digits:

# %%
show(
    np.concatenate([test_B[:10], digits, test_A[:10]]),
    "row by row: test outline; translated; what would be right",
)

# %% [markdown]
# ### In numbers
#
# The test images are paired, so we can ask what the training never was told: is a translation nearest to *its own*
# outline, of all 300? We measure by the distance of the pixels, by hand and by the package. A generator that draws the
# same outline for all would have 1 in 300.

# %%
from mindgan.metrics.pairs import retrieval_accuracy

targets = test_B.reshape(len(test_B), -1).astype(np.float64)


def nearest_outlines(images):
    flat = images.reshape(len(images), -1).astype(np.float64)
    distances = (flat**2).sum(axis=1)[:, None] - 2 * flat @ targets.T + (targets**2).sum(axis=1)  # [N, N]
    return distances.argmin(axis=1)


def mean_error(images, others):
    """Of a pixel, in [-1, 1], as the losses count."""
    return np.abs(images.astype(np.float64) - others).mean() / 127.5


found = nearest_outlines(outlines)
right_share = float((found == np.arange(len(found))).mean())
package_share = retrieval_accuracy(outlines.reshape(len(outlines), -1), targets)
untranslated_share = float((nearest_outlines(test_A) == np.arange(len(found))).mean())
cycle_error, guess_error = mean_error(again, test_A), mean_error(test_A[np.roll(np.arange(len(test_A)), 1)], test_A)
translation_error, doing_nothing = mean_error(outlines, test_B), mean_error(test_A, test_B)
print(f"nearest to its own outline: {right_share:.1%} by hand, {package_share:.1%} by the package,", end=" ")
print(f"{untranslated_share:.1%} of the untranslated digits, {1 / len(found):.1%} by chance")
print(f"error to the right outline: {translation_error:.3f}, untranslated {doing_nothing:.3f}")
print(f"error of the cycle:         {cycle_error:.3f}, to some other digit {guess_error:.3f}")

# %% [markdown]
# ## 12. Pictures of another size
#
# A convolution does not care how large an image is. `draw` takes any size; what is larger than `tile` pixels goes in
# tiles, layer by layer, so that instance norm sees the whole picture. No seam shows, and how large the tiles are makes
# no difference:

# %%
labels = [item.label for item in domains.source_test.items]
text = np.concatenate([test_A[labels.index(digit)] for digit in "3141592"], axis=2)[:, :, :-3]  # no multiple of 4
drawn = there.draw(text, tile=512)
in_tiles = there.draw(text, tile=64)
tile_difference = int(np.abs(drawn.astype(int) - in_tiles).max())
print(f"{text.shape[2]} x {text.shape[1]} pixels; largest difference in tiles of 64 pixels: {tile_difference} of 255")
show(np.stack([text, drawn]), "the first digits of pi in one image, and its translation", columns=1)

# %% [markdown]
# ## 13. What goes wrong
#
# CycleGAN asks for little, so it can satisfy you in ways that you did not mean. Here are three generators that cost
# nothing to train, with the losses they would have, and the trained one beside them:

# %%
one_outline, one_digit = (np.repeat(images[:1], len(images), axis=0) for images in (test_B, test_A))
generators = {  # what it makes of outlines, and what comes back of the digits that it translated
    "copies": (test_B, test_A),
    "inverts": (255 - test_B, test_A),
    "draws one image": (one_outline, one_digit),
    "was trained": (translated(there, test_B), again),
}
generator_errors = {}
print("a generator that   cycle_A  idt_A")
for name, (of_outlines, returned) in generators.items():
    generator_errors[name] = [10 * mean_error(returned, test_A), 5 * mean_error(of_outlines, test_B)]
    print(f"{name:<17} {generator_errors[name][0]:>8.2f} {generator_errors[name][1]:>6.2f}")

# %% [markdown]
# * **Images come back unchanged** (*identity collapse*). Copying makes cycle and identity perfect, better than anybody
#   who works for it; only the discriminator objects. If its voice is too weak, lower `lambda_identity` (0 turns it
#   off), or `lambda_A` and `lambda_B`.
# * **Colours are inverted**, black for white and blue for orange. To the cycle an inversion is as good as a copy: twice
#   inverted is as it was. Here the identity loss objects; keep it, or raise it, or start again with another `seed`.
#   (In this lesson the domains really are black and white the other way round, so half an inversion is right.)
# * **One image for all.** The cycle objects; raise `lambda_A` and `lambda_B`.
# * **The discriminator wins**: `D_A` sinks to 0 and `G_A` rises to 1, the translations get worse or flicker. Lower
#   `d_learning_rate`, keep the pool, give more images; small heaps are known by heart.
# * **A shape should change, and does not.** Horses become zebras and not cats: patches judge textures, and the cycle
#   wants to find its way back. For new shapes CycleGAN is the wrong tool.
# * **The way back is too good.** A translation can hide what it needs for its return in faint specks that nobody sees
#   (exercise 4).
#
# The package looks for the known failures, too: in the curves for a discriminator that wins, or a way back that is not
# learned, and with `mindgan.cyclegan.measure.measure` for copies and inversions in translated images. Of the curves:

# %%
from mindgan.cyclegan.measure import warnings

found_warnings = warnings(stats)
print("\n".join(found_warnings) or "nothing of the kind in this run's curves")

# %% [markdown]
# ## 14. Your own pictures
#
# Two folders of pictures, a few hundred each, of any size and format; alike in content, different in style:
#
# ```text
# bash scripts/run_gan.sh cyclegan --data_url SOURCE --target_data_url TARGET --train_url ./mine
# bash scripts/run_gan.sh translate --network ./mine --input photo.jpg --output ./translated
# ```
#
# * Pictures are checked first; what is wrong with any of them is written down, and the rest is used.
# * With 256 pixels and the paper's networks this wants a GPU or an Ascend. On a CPU take `--preset small`, perhaps with
#   `--image_height 64 --image_width 64`.
# * `--preset paper` has the settings of the paper: 200 epochs, learning rate 0.0002, falling over the last 100.
# * On ModelArts the same command is the CycleGAN operator: same options, same files, same manifest.
# * `--predict True --resume FILE` translates with a network that is there, without training.

# %% [markdown]
# ## 15. Exercises
#
# Give each training a `train_url` of its own.
#
# 1. **Without the cycle.** Train with `lambda_A=0, lambda_B=0` (which turns the identity off, too). What becomes of the
#    digits, and of the share that is nearest to its own outline?
# 2. **Without identity.** Train with `lambda_identity=0`, with three seeds. How often do the colours find their places?
# 3. **Single pixels.** Train with `discriminator="pixel"`. It can judge colours and nothing else. What do the
#    translations look like?
# 4. **Hidden messages** ([Chu, Zhmoginov and Sandler, 2017](https://arxiv.org/abs/1712.02950)). Add noise of one or two
#    grey levels to `outlines` before you translate them back. How much does the error of the cycle grow? And if you
#    take the *right* outlines, `test_B`, instead?
# 5. **Fewer images.** Train on 50 of each domain. Which curve tells you first?
# 6. **What a discriminator forgets.** `checkpoints.read(checkpoints.newest(run.root)).fill({"D_A": D_A})`, from
#    `mindgan.cyclegan`, makes `D_A` the trained one. Ask it about outlines, translated digits, and *digits as they
#    are*, which no generator has passed off as outlines for a long time. Does it still know better?
#
# To read on: [Zhu and others (2017)](https://arxiv.org/abs/1703.10593), this model;
# [Isola and others (2017)](https://arxiv.org/abs/1611.07004), its paired predecessor and PatchGAN;
# [Ulyanov and others (2016)](https://arxiv.org/abs/1607.08022) on instance norm;
# [Shrivastava and others (2017)](https://arxiv.org/abs/1612.07828) on the pool.
