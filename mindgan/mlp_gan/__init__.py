"""The MLP GAN of MindSpore's tutorial *GAN for Image Generation*, on MNIST."""
