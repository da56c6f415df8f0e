"""Adapters of models, one file a provider. Importing this imports none of them.

A model is an object with a `name` and an async `reply`; `codeling.protocols.Model` is the contract.
`registry.py` has the short names; every class is a name of `codeling` itself.
"""
