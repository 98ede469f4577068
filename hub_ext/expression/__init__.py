"""Pure wording: a plan for an engine, a refusal for its reader."""
