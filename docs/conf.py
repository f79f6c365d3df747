"""How Sphinx makes the site of these pages.

    pip install -e '.[docs]' && python -m sphinx -W --keep-going -b html docs docs/_build/html

The pages are plain Markdown, which is read in a checkout too.  What only the site has, the order of
the pages, the gallery, the addresses of files outside this folder, is added by `_site`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "_site"))

import scripts

import cnn_core

project = "cnn_core"
author = "the cnn_core developers"
release = version = cnn_core.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "structure",
    "outside",
    "cards",
    "living",
    "reference",
]
root_doc = "index"
exclude_patterns = ["_build", "_site", "_templates", "generated/scripts"]

# Markdown, as GitHub reads it.
myst_heading_anchors = 4
myst_links_external_new_tab = False

# Docstrings: names in single backticks are names of the package.
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False

# Nothing comes from elsewhere: no fonts, no scripts.  Colours of code have contrast.
html_theme = "furo"
html_title = "cnn_core"
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"

sphinx_gallery_conf = scripts.settings()
