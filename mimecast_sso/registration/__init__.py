"""Help for components that register resources: messages, requirements of a step, large values in inputs."""
