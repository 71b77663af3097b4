"""How Sphinx builds the manual: `tox -e docs`."""

from importlib.metadata import version as version_of

project = "geartrain"
author = "geartrain contributors"
copyright = "geartrain contributors, MIT licence"  # noqa: A001 Sphinx reads it by this name
version = release = version_of("geartrain")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["pictures"]
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
# Files of the repository that a page points to, such as ../README.md, are no pages of the manual.
suppress_warnings = ["myst.xref_missing"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False

html_theme = "furo"
html_title = "geartrain"
