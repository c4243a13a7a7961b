"""Realises an ErrorSpec in torch: one module per kind of machine arithmetic."""
