from staging_fixtures import ask, migrated, store, template

__all__ = ["ask", "migrated", "store", "template"]
