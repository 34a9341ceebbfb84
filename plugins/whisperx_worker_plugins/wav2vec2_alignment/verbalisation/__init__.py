"""Verbalisation: the spoken forms of written words with digits, signs or foreign letters.

`words` finds them, by `numerals` and `letters`; `lexicons` has the words of each language; `lattice` holds the result.
"""
