"""The memory of the sidecar: the only room that knows SQLAlchemy and Alembic. Enter by `store`."""
