"""Runs the migrations inside the transaction `schema.migrate` has opened; Alembic executes this file."""

from alembic import context

from keycloak_license.ledger.tables import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
