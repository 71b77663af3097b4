"""Properties: what must hold of every network, run by pytest and by the gate."""
