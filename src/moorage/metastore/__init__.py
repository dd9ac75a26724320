"""The database: tables, one module of statements per noun, and what runs them (sqlite.py)."""
