"""One job from request to response."""
