"""A real Keycloak on this machine and the example realm to fill it with, for `cli.demo` and the tests."""
