"""Preparation of texts for the alignment. Knows neither audio nor a model library.

`alphabet` maps characters to the model's columns, `text_graph` joins the tokens of words, `alignable_text` is a
segment's text with all of these.
"""
