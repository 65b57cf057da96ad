"""presetwatch beside its peers, on one job, one broker and one machine."""
