"""Network architectures: plain torch modules that know nothing of images, cases or files."""
