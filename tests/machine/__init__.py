"""A state machine over the real use cases, and a plain statement of what must hold after every step."""
