"""The switch: one owner task a call, and who is let in."""
