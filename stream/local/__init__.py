"""What makes presetwatch run on one machine: an embedded broker and synthetic traffic."""
