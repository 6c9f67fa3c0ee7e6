"""The store's logic in SQL that every engine understands; what differs between engines is behind `session`."""
