"""
The runtime: the only place that knows ports and adapters. It owns the clock and the dice.

`discovery` finds a deployment's settings and store, `deployment` is what commands and
programs work with, `factories` makes single objects from settings, `engine` is what a
worker runs, `supervised` is what `mjbridge up` keeps running, `checkup` is what `mjbridge
check` inspects.
"""
