"""Daily's REST API: the webhooks that tell of jobs, and the jobs that no webhook told of."""
