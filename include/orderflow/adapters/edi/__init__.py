"""What the order interchange formats share: envelopes and their faults, text, histories of changes, the mailbox.

An interchange is read twice. The first pass walks its envelopes and judges them (`envelope.Interchange`), so that
nothing of a torn file is ever handed on; the second one hands out its order messages, verbatim, as raw records
(`message.Message`), which the adapter's `mapping` turns into orders without touching a file again.
"""
