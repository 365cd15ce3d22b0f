"""The benchmark suite: what is measured, how it is repeated, and how it is shown."""
