"""The program on each version of Keycloak that it is meant for, and the table that tells how it went."""
