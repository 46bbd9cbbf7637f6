"""{{kind_begins}} {{name}} for drs lies beside this file; drs_smoothing.packages finds it without importing this."""
