"""The databases that can hold a store: connections, locks, and what their errors mean."""
