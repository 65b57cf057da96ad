"""presetwatch: windowed error rates and alerts for Daily batch-processor jobs."""
