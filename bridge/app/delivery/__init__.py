"""Use case 2, delivering: the pump, one attempt, and the settling of what came of it."""
