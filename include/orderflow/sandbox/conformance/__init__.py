"""Conformance: what every adapter promises, checked behaviour by behaviour, by tests and by `orderflow certify` alike.

`behaviours` is the list. `contract` are checks on recorded `cases`; `played` and `troubled` are tries against a
simulated platform, `mailbox` those for files; `day` is a whole day under faults; `certificate` runs them all for one
`subject`.
"""
