"""Code that several plugins share; no plugin."""
