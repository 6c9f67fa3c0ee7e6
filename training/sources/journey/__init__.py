"""The Complete Journey, step by step: frames -> credited redemptions -> events, customers, catalogue."""
