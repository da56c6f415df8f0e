"""What a tool's declared effect means, in one place: see `codeling.effects.retrying` and docs/running.md."""
