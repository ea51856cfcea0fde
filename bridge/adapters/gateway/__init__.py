"""What asks a gateway about tasks, and reads whatever it answers."""
