"""The business rules: pure functions over `model`, with `now` passed in."""
