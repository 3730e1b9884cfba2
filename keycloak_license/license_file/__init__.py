"""Licence files: from bytes to a trusted `License`, and for the vendor the way back.

The only room that touches keys and signatures. `verify` is what the sidecar uses; `issue` signs and
is reached by the vendor command alone.
"""
