"""The comparison of the search with a fine grid, on a few rows."""

import re

from benchmarks import alpha_search


def test_the_walk_is_compared_with_all_alphas_of_the_grid(monkeypatch):
    monkeypatch.setattr(alpha_search, "MOST_ROWS", 60)
    row = alpha_search.compare("iris", None, 0)
    tried, all_alphas = map(int, re.findall(r"\d+", row["fits"]))
    assert tried < all_alphas == len(alpha_search.GRID)
    assert row["share"] == tried / all_alphas
    # The grid has the λs of the walk and others.
    assert float(row["loss, grid"]) <= float(row["loss, walk"])
