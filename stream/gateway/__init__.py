"""The gateway: takes Daily's webhooks in, verifies them, and puts them on the events topic."""
