"""A whole audience decided: `nextbest score`."""
