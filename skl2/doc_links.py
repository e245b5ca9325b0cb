"""Links from the HTML diagrams of our estimators to their pages."""

#: Address of the folder of the API pages, with the slash at its end. None while the
#: documentation has no public address: a diagram then has no link rather than a dead
#: one. The build of the documentation sets it, so the diagrams of its gallery have one.
base_url: str | None = None

# The modules that users import these classes from, where the pages are.
_PUBLIC = {"skl2.estimators": "skl2", "skl2.alpha_search": "skl2.model_selection"}


class DocLinkMixin:
    """Makes scikit-learn's HTML representation link to our documentation."""

    _doc_link_module = "skl2"

    @property
    def _doc_link_template(self):
        return f"{base_url}{{module}}.{{name}}.html"

    def _doc_link_url_param_generator(self):
        module = type(self).__module__
        return {"module": _PUBLIC.get(module, module), "name": type(self).__name__}

    def _get_doc_link(self):
        if base_url is None:
            return ""
        return super()._get_doc_link()  # type: ignore[misc]
