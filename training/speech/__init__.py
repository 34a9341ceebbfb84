"""The closed Russian grammar, its synthesised corpus, and augmentation of its sound."""
