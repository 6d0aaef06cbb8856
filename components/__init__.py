"""What is deployed: component resources and the typed settings they are built from."""
