"""The use cases. They see the ports of `ports.py`, never an adapter."""
