"""How the source is written: laws that no linter has, over every module of skl2."""

import ast
from pathlib import Path

import pytest

import skl2

ROOT = Path(skl2.__file__).parent
MODULES = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}


def assigned_attributes(statement):
    """How many attributes a statement such as ``a.x, a.y = …`` sets."""
    return sum(
        isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        for target in statement.targets
        for node in ast.walk(target)
    )


@pytest.mark.parametrize("name", MODULES)
def test_every_attribute_is_assigned_on_a_line_of_its_own(name):
    tree = ast.parse(MODULES[name].read_text())
    crowded = [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and assigned_attributes(node) > 1
    ]
    assert crowded == []


@pytest.mark.parametrize(
    "source", ["a.x, a.y = 1, 2", "a.x = a.y = 1", "[a.x, *a.y] = z"]
)
def test_the_law_sees_several_attributes(source):
    (statement,) = ast.parse(source).body
    assert assigned_attributes(statement) == 2


DOTTED = {
    "skl2." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): path
    for name, path in MODULES.items()
}


def imports(path):
    """The modules of skl2 that the statements of a file import, by dotted name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                found.append(inside if inside in DOTTED else node.module)
    return [name for name in found if name in DOTTED]


ENGINE = {n: path for n, path in MODULES.items() if n.startswith("_engine")}
# What a folder of the engine may import of it; the numbers of a layer are their order.
LAYERS = [
    ("numerics", "random_streams", "strata", "threads", "warn"),
    ("data",),
    ("network.",),
    ("losses", "penalties"),
    ("objective",),
    ("solvers.",),
    ("stack",),
]


def layer(module):
    """Number of the layer of a dotted name below skl2._engine."""
    (found,) = [
        i
        for i, names in enumerate(LAYERS)
        if any(module == n or (n[-1] == "." and module.startswith(n)) for n in names)
    ]
    return found


@pytest.mark.parametrize("name", [n for n in ENGINE if not n.endswith("__init__.py")])
def test_no_import_of_the_engine_runs_upward(name):
    own = name.removeprefix("_engine/").removesuffix(".py").replace("/", ".")
    for imported in imports(ENGINE[name]):
        assert imported.startswith("skl2._engine."), f"{name} imports {imported}"
        assert layer(imported.removeprefix("skl2._engine.")) <= layer(own), (
            f"{name} imports {imported}, which is above it"
        )


def test_no_import_of_skl2_runs_in_a_circle():
    graph = {name: imports(path) for name, path in DOTTED.items()}
    done = set()

    def visit(module, above):
        assert module not in above, " -> ".join([*above, module])
        if module not in done:
            for imported in graph[module]:
                visit(imported, [*above, module])
            done.add(module)

    for module in graph:
        visit(module, [])


def file_of_tests(name):
    """Where the tests of a module are, in the folder of this file."""
    *folders, module = Path(name).with_suffix("").parts
    folders = [folder.lstrip("_") for folder in folders]
    return Path(__file__).parent.joinpath(*folders, f"test_{module.lstrip('_')}.py")


@pytest.mark.parametrize("name", [n for n in MODULES if not n.endswith("__init__.py")])
def test_every_module_has_a_test_file_of_its_name(name):
    assert file_of_tests(name).exists()
