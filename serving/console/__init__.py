"""The agent desktop: HTML at /console over the handlers that answer the interface, and never by a call to ourselves."""
