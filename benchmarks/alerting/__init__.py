"""How soon each way of alerting notices an incident when all of them are wrong equally seldom."""
