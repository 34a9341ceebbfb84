"""Request and settings, validated."""
