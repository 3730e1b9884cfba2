"""The nouns every room shares: frozen, without input or output, without a clock."""
