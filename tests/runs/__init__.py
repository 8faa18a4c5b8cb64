"""Tests of runs: recovery, engine, worker, titles, sweeper."""
