"""Training, where the way ends: from a proved network and samples to a model file."""
