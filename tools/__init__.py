"""Tools for whoever works on mjbridge: they make the pictures that its documentation shows."""
