"""Django's backend for PostgreSQL, with connections that are not waited for when nothing is heard of them any more."""
