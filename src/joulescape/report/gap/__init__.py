"""The page of the gap study: one module a section, `facts(given)` first and `figures(facts)` second."""
