"""What is deployed: one component resource per file, with its typed arguments."""
