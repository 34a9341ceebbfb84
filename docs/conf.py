"""Sphinx configuration. `make docs` builds the site without a network, and any warning is an error."""

from whisperx_worker.version import __version__

project = "whisperx-worker"
release = __version__
extensions = ["myst_parser"]
# Markdown headings down to this level can be linked to.
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
