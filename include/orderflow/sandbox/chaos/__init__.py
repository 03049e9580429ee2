"""Chaos: random schedules of faults over the whole flow, each judged against what the simulated channel really holds.

`schedule` draws everything that will go wrong from one seed; `shops` is the channel it happens to; `servers` are the
platform and the OMS, in processes of their own; `worker` is one attempt at a window, in a process that can be killed;
`play` plays a schedule on the `stage` of servers and database; `judge` compares the end with the truth; `table` runs
many seeds and counts.
"""
