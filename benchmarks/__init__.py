"""Speed and memory of skl2 against its peers, see docs/benchmarks.md."""
