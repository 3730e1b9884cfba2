"""The commands. The only room that prints; `main` is the entry point, one module a command family."""
