"""The expected wait: a median and an 80 % band for who is in a queue, or that nobody knows. Pure.

The model (`completions` has the source): an entry is served when the agents who can serve it have become free
once for each entry ahead that competes for them and stays, and once more. In it are

    pools           who competes for whom: the agents on duty for the queue with the skills asked for, and the
                    entries ahead, of all queues those agents serve, by the share of their agents
    completions     when those agents become free, given what they do now and the trend of staffing
    durations       how long calls last, and the rest of one that has lasted for a while
    patience        who ahead will have hung up by then
    learned         all that is known of a queue, its staffing and its arrivals
    followed        what was forecast, until the waits are over
    calibration     the band corrected by that
    estimator       all of it together: from the journal and a situation to an estimate for each entry
    promise         what the caller is told
"""

from gateway.queues.estimate.estimator import Estimate, Estimator, Expectation, Unsure
from gateway.queues.estimate.pools import Situation
from gateway.queues.estimate.promise import Promise

__all__ = ["Estimate", "Estimator", "Expectation", "Promise", "Situation", "Unsure"]
