"""The queue engine: what happens goes in, what is to be done comes out. Pure.

    core        QueueEngine: an event to its rule, and what can be seen
    floor       everything there is at this moment, and the effects so far
    place       one entry: what it asks for, where it stands
    line, lane  one queue; and within it those who ask for the same skills, and those who have the same
    agent       one agent: what they chose, what calls did, which lanes they serve
    offer       one agent being asked for one entry

    entering    how entries come in, move, and become callbacks
    standing    where an entry stands now: priority, lane, hold, its next deadline; how it leaves
    duty        what happens to agents
    offering    an offer from its making to the talk or back
    matching    which agent for which entry
    configuring queues that appear, change and go while callers wait

    skills, strategy, draws, deadlines      the arithmetic: no state of the floor in it

Events change the floor and mark what has to be looked at; when one is done, `core` settles the marks: places
are put where they now belong, queues that nobody staffs are emptied, and everybody who is free gets a call.
"""

from gateway.queues.engine.core import QueueEngine

__all__ = ["QueueEngine"]
