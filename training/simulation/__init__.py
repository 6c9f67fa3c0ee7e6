"""A SYNTHETIC retailer whose people, and what they would do, are known: docs/simulation.md."""
