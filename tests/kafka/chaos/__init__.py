"""Workers and brokers that are disturbed in every way at once, and the proof that nothing was miscounted."""
