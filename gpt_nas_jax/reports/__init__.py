"""Reports for people: terminal, tables, figures. Reads a workdir, runs nothing."""
