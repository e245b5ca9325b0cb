"""Configuration of the documentation, built by ``sphinx-build -W docs docs/_build``.

``-D sphinx_gallery_conf.plot_gallery=0`` leaves out running the examples.
"""

import os
import re
import sys
from inspect import getdoc, signature
from pathlib import Path

from docutils import nodes
from numpydoc.docscrape import NumpyDocString
from sphinx.addnodes import pending_xref
from sphinx.util.inspect import stringify_signature

# The examples run in processes that import skl2 from the clone.
sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("MPLBACKEND", "Agg")

import skl2  # noqa: E402

project = "skl2"
author = "skl2 developers"
copyright = "skl2 developers"  # noqa: A001 (Sphinx's name for it)
version = release = skl2.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    # Copies MathJax next to the pages: formulas show without a network.
    "sphinx-mathjax-offline",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# "_generated" is included by benchmarks.md.
exclude_patterns = ["_build", "_generated", "_templates", "examples", "Thumbs.db"]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
# The estimators live in private places of the package (skl2._estimators). A page bears
# the name that users import.
add_module_names = False
toc_object_entries_show_parents = "hide"
# `name` in a docstring is code, as scikit-learn's conventions have it.
default_role = "literal"
autodoc_default_options = {"members": True, "inherited-members": True}
# The members are on the page already: the classes' template asks autodoc for them.
numpydoc_show_class_members = False
# Each parameter is documented, in its place, with its type and a description.
numpydoc_validation_checks = {"PR01", "PR02", "PR03", "PR04", "PR07", "PR10"}
numpydoc_validation_exclude = {
    # Put together of two docstrings: see EXTENDS.
    r"\.model_selection\.(MLP|Stacked)\w+$",
    # Results: users read their fields, which are documented as attributes.
    r"\.(RegularizationPath|LinearRegime|Compression)$",
}


class GalleryOrder:
    """From the first search to a deployed model."""

    names = [
        "tables",
        "mixed_table",
        "select_lambda",
        "ramps",
        "l1_sparsity",
        "linear_regime",
        "weight_decay",
        "per_layer_alpha",
        "regularizers",
        "regularization_path",
        "feature_selection",
        "callbacks",
        "deployment",
    ]

    def __init__(self, folder):
        pass

    def __call__(self, filename):
        return self.names.index(filename.removeprefix("plot_").removesuffix(".py"))


sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "download_all_examples": False,
    "show_memory": False,
    # Their pages ask other hosts for scripts.
    "write_computation_times": False,
    "remove_config_comments": True,
    # Names in the code link to the reference.
    "doc_module": ("skl2",),
    "reference_url": {"skl2": None},
    # The page of a class shows the examples that use it.
    "backreferences_dir": "generated/backreferences",
    "within_subsection_order": GalleryOrder,
    # An example that fails or warns of a mistake in itself is a failure of the build.
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skl2"
html_static_path = ["_static"]
html_css_files = ["skl2.css"]
html_theme_options = {
    "navigation_with_keys": False,
    # The others are below "More": one line of a screen 1000 pixels wide.
    "header_links_before_dropdown": 5,
    "navbar_persistent": ["search-button"],
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "icon_links": [],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False
# No navigation within a section that is a single page.
SINGLE_PAGES = (
    "index",
    "installation",
    "benchmarks",
    "inside",
    "faq",
    "comparison",
    "citing",
    "changelog",
)
html_sidebars = {page: [] for page in SINGLE_PAGES}
suppress_warnings = ["config.cache"]

# The objective as the docstrings write it, for a terminal, and as the pages show it.
PLAIN = "J = 1/m Σ_i s_i L(y_i, ŷ_i) + 1/(2m) Σ_l λ_l Ω(W_l),"
TYPESET = (
    r".. math:: J = \frac{1}{m} \sum_i s_i\, L(y_i, \hat y_i)"
    r" + \frac{1}{2m} \sum_l \lambda_l\, \Omega(W_l),"
)


# Classes whose docstring says what they add, and the classes where the rest is said.
EXTENDS = {
    "StackedGridSearchCV": "GridSearchCV",
    "StackedRandomizedSearchCV": "RandomizedSearchCV",
    "StackedHalvingGridSearchCV": "HalvingGridSearchCV",
}


def inherit_sections(cls, lines):
    """Add to a class's page the parameters and attributes that it inherits."""
    base = next(c for c in cls.__mro__ if c.__name__ == EXTENDS[cls.__name__])
    own, inherited = NumpyDocString("\n".join(lines)), NumpyDocString(getdoc(base))
    for section in ("Parameters", "Attributes"):
        listed = {n for item in own[section] for n in item.name.split(", ")}
        added = []
        for item in inherited[section]:
            names = set(item.name.split(", "))
            if section == "Parameters":
                names &= set(signature(cls).parameters)
            if names - listed:
                added += [f"{item.name} : {item.type}", *indented(item.desc), ""]
        header = [section, "-" * len(section)]
        starts = [i for i in range(len(lines)) if lines[i : i + 2] == header]
        if not starts:
            lines += ["", *header, *added, ""]
        else:
            rest = range(starts[0] + 2, len(lines))
            # The next section, or the end.
            end = next((i - 1 for i in rest if lines[i].startswith("---")), len(lines))
            while not lines[end - 1].strip():
                end -= 1
            lines[end:end] = added


def indented(lines):
    return [f"    {line}".rstrip() for line in lines]


def adapt_docstring(app, what, name, obj, options, lines):
    """Complete and typeset a docstring."""
    if not getattr(obj, "__module__", "skl2").startswith("skl2"):
        return  # inherited
    for i, line in enumerate(lines):
        if line.strip() == PLAIN:
            lines[i] = TYPESET
        elif "`" not in line and not line.lstrip().startswith((">>>", "...")):
            # |z| is an absolute value, not a substitution.
            lines[i] = line.replace("|", r"\|")
    if what == "class" and obj.__name__ in EXTENDS:
        inherit_sections(obj, lines)


def show_constructor(app, what, name, obj, options, text, annotation):
    """The signature of a class's ``__init__``; Sphinx prefers ``__new__``."""
    if what != "class" or not obj.__module__.startswith("skl2"):
        return None
    return stringify_signature(signature(obj)), annotation


def unlink(app, what, name, obj, options, lines):
    """Labels and terms of scikit-learn's documentation are not in this one."""
    text = re.sub(r":ref:`sphx_glr_\w+\.py`", "its gallery", "\n".join(lines))
    text = re.sub(r":(?:ref|term):`([^`<]*?)\s*<[^`]*>`", r"*\1*", text)
    lines[:] = re.sub(r":(?:ref|term):`([^`]*)`", r"``\1``", text).split("\n")


def public_names():
    """The names that api.rst lists, and what each is a link to."""
    module, found = None, {}
    for line in Path(__file__).with_name("api.rst").read_text().splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.match(r"   (\w+)$", line):
            found[match[1]] = f"{module}.{match[1]}"
    return found


PUBLIC = public_names()


def link_names(app, doctree):
    """Make a link to the reference of each public name that a page has as code."""
    page = app.env.current_document.docname
    for literal in list(doctree.findall(nodes.literal)):
        target = PUBLIC.get(literal.astext())
        # Not within a link or a heading, nor to the page itself.
        inside = isinstance(
            literal.parent, nodes.reference | nodes.title | pending_xref
        )
        if target is None or inside or page.endswith(target):
            continue
        link = pending_xref(
            "",
            literal.deepcopy(),
            refdoc=page,
            refdomain="py",
            refexplicit=True,
            reftarget=target,
            reftype="obj",
        )
        literal.replace_self(link)


def setup(app):
    app.connect("doctree-read", link_names)
    app.connect("autodoc-process-signature", show_constructor)
    # Before numpydoc, which rewrites the sections, and after it.
    app.connect("autodoc-process-docstring", adapt_docstring, priority=100)
    app.connect("autodoc-process-docstring", unlink, priority=900)
