"""How the ledger's tables came to be, one file a step; run by `schema` through Alembic."""
