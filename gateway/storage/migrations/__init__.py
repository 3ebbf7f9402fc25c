"""The database's shape, a step a version. Run at every start; `ringback db upgrade` runs them by hand."""
