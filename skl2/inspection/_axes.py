"""What displays share: matplotlib, its axes."""


def import_pyplot(caller):
    """matplotlib.pyplot, or an error that says how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'skl2[plot]'"
        ) from error
    return pyplot


def make_axes(caller, ax=None):
    """`ax`, or new axes."""
    if ax is None:
        _, ax = import_pyplot(caller).subplots(layout="constrained")
    return ax


def plain_log_ticks(axis, subs):
    """Ticks of a logarithmic axis at `subs` times powers of ten, as plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    # Within a decade matplotlib labels the minor ticks as well: they overlap.
    axis.set_minor_formatter(NullFormatter())
