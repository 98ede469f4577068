"""One verb after another: read facts, ask policy, write down, drive the adapters."""
