"""Which files of a folder or rows of a manifest are cases, and why the others are not."""
