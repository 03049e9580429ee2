"""Expectations on a day's staged orders, checked with Great Expectations by SQL.

`suite` says what is expected, `checkpoint` asks the database. Importing Great Expectations takes seconds: `checkpoint`
imports it when it is called, and nothing of the five stages imports `checkpoint`.
"""
