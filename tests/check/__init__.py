"""Tests of the validator: tables of documents, and what consumers of NNEF say of them."""
