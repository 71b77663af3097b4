"""How learning goes: which rate suits a network, and what it looks like where it does not learn."""
