"""A company's own files, step by step: a table of texts -> its faults by row and column -> a store's columns."""
