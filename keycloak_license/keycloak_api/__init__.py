"""The only room that knows python-keycloak: its dictionaries and errors stop here."""
