"""Certification: from a network and samples to a certificate, without which nothing trains."""
