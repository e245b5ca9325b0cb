"""The README as the page of an index: with links that work outside the repository.

All else about the package is in pyproject.toml.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
# A link or a picture of Markdown whose target is a file of the repository.
RELATIVE = re.compile(r"\]\((?!https?:|#)([^)\s]+)")
PICTURES = (".png", ".svg")


def with_absolute_links(text, source):
    """Markdown in which links to files lead to the repository.

    Parameters
    ----------
    text : str
    source : str
        Address of the repository.
    """

    def absolute(link):
        target = link[1]
        kind = "raw" if target.endswith(PICTURES) else "blob"
        return f"]({source}/{kind}/main/{target}"

    return RELATIVE.sub(absolute, text)


if __name__ == "__main__":
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    readme = (HERE / "README.md").read_text("utf-8")
    setup(
        long_description=with_absolute_links(readme, project["urls"]["Source"]),
        long_description_content_type="text/markdown",
    )
