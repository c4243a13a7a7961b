"""One module a section: `facts(tables)` gives plain data, `figures(facts)` its charts, templates/<name>.html.j2 its words."""
