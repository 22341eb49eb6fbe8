"""Whether this process is about to end: said to whoever asks if it is ready, before it goes."""

from threading import Event

draining = Event()
