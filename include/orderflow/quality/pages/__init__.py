"""How our pages for people are made: one layout, one style, one way to write values.

A page needs nothing but itself, reads well in light, dark, on a phone and on paper, and escapes whatever it is given.
"""
