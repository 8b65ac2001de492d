"""About sessions of PostgreSQL: `make test-postgres` runs these."""
