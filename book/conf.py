"""Sphinx's settings. `make book` copies this folder, the chapters and the documents together, and builds there."""

import os

project = "lecturekit"
author = "lecturekit"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.githubpages",
    "sphinx.ext.viewcode",
    "lecturekit.course.book",
]
exclude_patterns = ["README.md"]  # the index and the page of the package include its parts
smartquotes = False  # "bernoulli" is a string
default_role = "py:obj"
highlight_language = "none"

# The chapters are shown as they were committed.
nb_execution_mode = "off"
nb_output_stderr = "warn"
nb_render_markdown_format = "myst"  # outputs have tables too
nb_ipywidgets_js = {}  # a widget leaves a picture; its scripts would come from another host
nb_code_prompt_show = nb_code_prompt_hide = "The code of this output"
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource", "ignore-module-all": True}
autodoc_inherit_docstrings = False  # PyTorch's are in another form, and not ours to print
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 130  # counted with the modules that "short" hides
toc_object_entries_show_parents = "hide"

# MathJax as packed by jupyter-server-mathjax, as on the pages of `make course`: STIX is the only font it carries.
mathjax_path = "mathjax/MathJax.js"
mathjax2_config = {
    "config": ["TeX-AMS-MML_HTMLorMML-full.js", "Safe.js"],
    "jax": ["input/TeX", "output/HTML-CSS"],
    "TeX": {"equationNumbers": {"autoNumber": "AMS", "useLabelIds": True}},
    # MyST has found the formulas already; a $ in the text is a $.
    "tex2jax": {
        "inlineMath": [["\\(", "\\)"]],
        "displayMath": [["\\[", "\\]"]],
        "ignoreClass": "tex2jax_ignore|mathjax_ignore",
        "processClass": "tex2jax_process|mathjax_process|math|output_area",
    },
    "messageStyle": "none",
    "HTML-CSS": {"availableFonts": [], "imageFont": None, "preferredFont": None, "webFont": "STIX-Web", "scale": 92},
}
myst_update_mathjax = False  # what it would set is for MathJax 3

html_theme = "sphinx_book_theme"
html_title = "lecturekit"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_show_sphinx = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}
templates_path = ["_templates"]
html_theme_options = {
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": "Code under the MIT licence; text and figures under CC BY 4.0.",
    "navbar_persistent": [],  # the search field stands in the sidebar
    "pygments_dark_style": "github-dark-high-contrast",
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_fullscreen_button": False,
}
if repository := os.environ.get(
    "LECTUREKIT_REPOSITORY"
):  # `lecturekit book --repository`: where Colab and Binder find the notebooks
    html_theme_options |= {
        "repository_url": repository,
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }
