"""What runs beside the service, and how a release is made."""
