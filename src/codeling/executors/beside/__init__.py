"""What runs elsewhere, beside the worker: source that is sent, never imported by the host."""
