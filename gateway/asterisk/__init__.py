"""An Asterisk beside us, over its Manager Interface (AMI): what its devices do, and calls by its trunks.

connection  one login: package asterisk-ami on threads of its own, posting to the event loop
link        connected again and again; heartbeat, deafness, health
actions     what we may ask of it, and nothing else. Pure
devices     which devices are on calls, and whose calls those are. Pure
agents      tells the queues which agents are on calls there
"""
