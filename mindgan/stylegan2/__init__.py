"""StyleGAN2-ADA: images from a style, learned from few examples (Karras et al. 2020a, 2020b)."""
