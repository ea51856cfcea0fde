"""The application: the use cases, the ports that they need, and what an operator can do and see."""
