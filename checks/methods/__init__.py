"""Methods: which lines a check looks along; sweep, probe and Taylor test."""
