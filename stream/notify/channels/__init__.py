"""The ways out: each sends a delivery to one channel and says how that went.

Law: whatever a channel does, sending returns an outcome and raises nothing, within a bounded time; no outcome, log line
or error holds a secret.
"""
