"""What a training prints and tells its listeners."""

import numpy as np
import pytest
from helpers import LOSSES, make_member, make_settings, training_set

from skl2._engine.solvers.reports import (
    EpochReport,
    Relay,
    Result,
    renumbered,
    report_iteration,
)
from skl2._engine.stack import Problem, train_stack


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_prints_a_line_an_epoch_and_member(capsys, seeds, early_stopping):
    data = training_set()
    settings = make_settings(
        data,
        verbose=True,
        max_iter=2,
        early_stopping=early_stopping,
        validation_fraction=0.3,
    )
    members = [make_member(settings, seed=seed) for seed in seeds]
    problem = Problem(settings, data, LOSSES["squared_error"])
    results = train_stack(problem, members)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(seeds)
    losses = [line for line in lines if "Iteration" in line]
    for k, result in enumerate(results):
        own = [line for line in losses if len(seeds) == 1 or line.startswith(f"[{k}]")]
        assert f"Iteration 1, loss = {result.loss_curve[0]:.8f}" in own[0]
        assert f"Iteration 2, loss = {result.loss_curve[1]:.8f}" in own[1]


def test_all_listeners_are_called_before_one_ends_the_run():
    result, heard = Result(np.zeros(3)), []
    quiet = report_iteration(result, [heard.append, heard.append])
    assert quiet is None and len(heard) == 2
    with pytest.raises(StopIteration):
        report_iteration(result, [lambda report: True, heard.append])
    assert len(heard) == 3
    # The parameters are a copy: the result goes on changing.
    theta = heard[0].fitted()
    result.theta += 1.0
    assert not theta.any()


def test_a_member_trained_alone_is_reported_by_its_number():
    report = EpochReport(0, Result(np.zeros(3)), lambda: None)
    heard = []
    stops = renumbered([heard.append, lambda report: report.member == 2], 2)
    assert [bool(listener(report)) for listener in stops] == [False, True]
    assert heard[0].member == 2 and report.member == 0


def test_a_run_and_a_later_one_are_one_result():
    earlier = Result(np.zeros(2), [3.0, 2.0], [0.1, 0.2], n_iter=2)
    later = Result(np.ones(2), [1.0], [0.3], n_iter=1, diverged_at=1, message="end")
    whole = earlier.followed_by(later)
    assert whole.loss_curve == [3.0, 2.0, 1.0]
    assert whole.penalty_curve == [0.1, 0.2, 0.3]
    assert (whole.n_iter, whole.diverged_at, whole.message) == (3, 3, "end")
    assert whole.theta is later.theta
    assert earlier.followed_by(Result(np.ones(2))).diverged_at is None


def test_a_relay_tells_of_both_runs_and_knows_who_has_stopped_it():
    earlier = Result(np.zeros(2), [3.0], [0.0], n_iter=1)
    report = EpochReport(0, Result(np.ones(2), [2.0], [0.0], n_iter=1), lambda: None)
    heard = []
    relay = Relay([lambda r: heard.append(r.result.n_iter), lambda r: True], earlier)
    assert not relay.stopped
    (listener,) = relay.listeners
    assert listener(report) and relay.stopped and heard == [2]
    assert Relay((), earlier).listeners == []
