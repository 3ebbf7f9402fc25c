from __future__ import annotations

import json
import math
import random

import pytest

from gateway.queues.estimate.patience import Patience


def test_while_nobody_has_hung_up_everybody_stays() -> None:
    patience = Patience()
    patience.observe(300.0, abandoned=False)

    assert Patience().stays(0.0, 1_000.0) == 1.0
    assert patience.stays(0.0, 1_000.0) == 1.0


def test_nobody_stays_for_ever() -> None:
    assert Patience().stays(10.0, math.inf) == 0.0


def test_the_share_that_stays_is_learned_although_most_are_served_first() -> None:
    patience, draws = Patience(), random.Random(1)
    for _ in range(3_000):
        leaves, served = draws.expovariate(1.0 / 300.0), draws.expovariate(1.0 / 60.0)
        patience.observe(min(leaves, served), abandoned=leaves < served)

    assert patience.stays(0.0, 150.0) == pytest.approx(math.exp(-0.5), abs=0.08)
    assert patience.stays(100.0, 150.0) == pytest.approx(math.exp(-0.5), abs=0.08)


def test_who_hangs_up_at_once_doesnt_make_those_impatient_who_have_stayed() -> None:
    patience = Patience()
    for _ in range(200):
        patience.observe(3.0, abandoned=True)
        patience.observe(900.0, abandoned=False)

    assert patience.stays(0.0, 60.0) < 0.65
    assert patience.stays(60.0, 60.0) > 0.9


def test_what_was_learned_survives_as_json() -> None:
    patience = Patience()
    patience.observe(100.0, abandoned=True)

    again = Patience.from_json(json.loads(json.dumps(patience.to_json())))

    assert again.stays(0.0, 100.0) == patience.stays(0.0, 100.0)


@pytest.mark.parametrize("saved", [{"gone": [1.0], "waited_s": [1.0]}, {"gone": [0.0] * 18, "waited_s": []}])
def test_json_of_other_stretches_is_refused(saved: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="stretches"):
        Patience.from_json(saved)
