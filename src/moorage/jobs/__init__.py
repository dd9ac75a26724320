"""What runs by the clock rather than by a request."""
