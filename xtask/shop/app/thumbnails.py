"""A batch job that computes and computes, as long as it is let."""

while True:
    sum(range(10_000))
