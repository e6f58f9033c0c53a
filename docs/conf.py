"""How Sphinx builds the site: ``sphinx-build -W -n -b html docs docs/_build``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from keyapi_async.version import __version__  # noqa: E402  # the path comes first

project = "keyapi_async"
author = "The keyapi_async developers"
project_copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "declarations",  # beside this file
]
exclude_patterns = ["_build"]
nitpicky = True
default_role = "code"

html_theme = "furo"
html_title = f"keyapi_async {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"JSON": "JSON"}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [
    "Cost",
    ("Raises (entering)", "Raises"),
    ("Raises (reading)", "Raises"),
    ("Raises (computing)", "Raises"),
    ("Raises (here and in every method)", "Raises"),
]
python_maximum_signature_line_length = 88
