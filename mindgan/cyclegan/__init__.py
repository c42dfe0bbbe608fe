"""CycleGAN: images of one domain to images of another, learned without pairs (Zhu et al. 2017)."""
