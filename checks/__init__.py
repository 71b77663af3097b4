"""checks: gradients proved by perturbing a parameter and rerunning the cost."""
