"""Recipes: what pip alone cannot bring. Each is a function that returns an `InstallResult`, never raises."""
