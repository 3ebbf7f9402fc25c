"""Calls from apps and browsers: negotiation by aiortc, packets by native code (`media.rtc`)."""
