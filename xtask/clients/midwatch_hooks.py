"""How schemathesis sends what is no JSON: packed recordings, made of any bytes."""

import schemathesis


@schemathesis.serializer("application/zstd")
def packed(context, value):
    return value if isinstance(value, bytes) else str(value).encode()
