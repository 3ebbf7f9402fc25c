"""SIP signalling through pjsua2, behind the CallLeg port."""
