"""Pure decisions: equal inputs, equal answers. No input or output, no clock, no randomness."""
