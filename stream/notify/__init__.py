"""Telling the people who must know: a consumer of the alerts topic that writes to channels outside presetwatch.

Law: each transition of an alert reaches every channel its routes name, or stands among the dead letters with the
reason; a channel that is slow or dead holds up no other; whatever is told and when is decided by pure code.
"""
