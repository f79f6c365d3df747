"""Callbacks that report, log and time a training; each is read when its name is first used."""
