"""What sends HTTP requests: connections, the address guard, and errors in plain words."""
