"""CTC forced alignment of tokens with emissions. Pure numpy; knows no text.

`token_graph` holds the tokens, `timed_emission` the emissions with their times, `trellis` and `viterbi` find the path.
"""
