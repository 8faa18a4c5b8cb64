"""Tests of the pure words: events, fold, trail, seam, ids, errors."""
