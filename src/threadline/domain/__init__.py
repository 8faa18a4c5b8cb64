"""Pure words: ids, messages, events and their fold, errors; no I/O and no clock."""
