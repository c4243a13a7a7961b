"""Draws the report of one space from its tables: facts first as plain data, then charts, then one offline page.

Reads tables only: neither torch nor Ray nor Optuna, and no simulator.
"""
