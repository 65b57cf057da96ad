"""The pure core: no Faust, Kafka, clock, environment or logging."""
