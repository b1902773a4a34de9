"""How pages are written: numbers as people read them, text made harmless, tables. Pure; no page is in here."""
