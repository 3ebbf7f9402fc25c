"""An Asterisk beside us, over its Manager Interface (AMI): what its devices do, and calls by its trunks.

connection  one login: package asterisk-ami on threads of its own, posting to the event loop
link        connected again and again; heartbeat, deafness, health
actions     what we may ask of it, and nothing else. Pure
devices     which devices are on calls, and whose calls those are. Pure
agents      tells the queues which agents are on calls there
members     breaks here are pauses there, and the other way round
telling     what the PBX is told of our calls
originate   calls that the PBX places for us; `leg`: what such a call is to the rest of us
redirect    callers who are sent on inside the PBX
plans       what a plan wants of the PBX, held against the settings. Pure
"""
