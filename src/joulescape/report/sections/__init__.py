"""One module a section: `facts(tables)` gives plain data, `figures(facts)` its charts, a template its words."""
