"""Stand-ins that pass the same contract suites as what they stand in for."""
