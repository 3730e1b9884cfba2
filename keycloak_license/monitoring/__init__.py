"""What monitoring sees of the worker: the only room that knows the Prometheus client."""
