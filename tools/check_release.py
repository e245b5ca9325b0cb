"""Whether the repository may be released as it is: all that is missing, one a line.

    python tools/check_release.py [tag]

The version is no development version, and it is the same in the package, CITATION.cff,
the changelog and the tag; the release has a date; no address is a placeholder.
"""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PLACEHOLDER = ".invalid/"
DATE = r"\d{4}-\d{2}-\d{2}"


def problems(repository, tag=None):
    """What keeps the repository from being released, as sentences."""

    def text(name):
        return (repository / name).read_text(encoding="utf-8")

    version = re.search(r'^__version__ = "(.*)"$', text("skl2/__init__.py"), re.M)[1]
    cited = dict(re.findall(r"^([\w-]+): (.*)$", text("CITATION.cff"), re.M))
    urls = tomllib.loads(text("pyproject.toml"))["project"]["urls"]
    heading = rf"^## {re.escape(version)} - {DATE}$"

    found = []
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        found.append(f"skl2.__version__ is {version}, no release")
    if cited.get("version") != version:
        found.append(f"CITATION.cff has version {cited.get('version')}, not {version}")
    if not re.fullmatch(DATE, cited.get("date-released", "").strip('"')):
        found.append("CITATION.cff has no date-released")
    if not re.search(heading, text("CHANGELOG.md"), re.M):
        found.append(f"CHANGELOG.md has no section '## {version} - <date>'")
    if tag is not None and tag != f"v{version}":
        found.append(f"the tag is {tag}, not v{version}")
    found += [
        f"[project.urls] of pyproject.toml: {name} is a placeholder, {url}"
        for name, url in urls.items()
        if PLACEHOLDER in url
    ]
    return found


if __name__ == "__main__":
    found = problems(REPOSITORY, *sys.argv[1:])
    print("\n".join(found) or "ready")
    sys.exit(bool(found))
